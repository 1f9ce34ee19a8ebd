// What is written above a chart: what it is called, its unit, and the names of its lines if it has several.
(() => {
  // Dash's renderer is loaded after this file and adds set_props to the same object.
  const dash = (window.dash_clientside ??= {});
  const timestack = (window.timestack ??= {});

  function svg(name, given, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [each, value] of Object.entries(given)) made.setAttribute(each, value);
    made.append(...children);
    return made;
  }

  // The name of one of several lines, beside a piece of it.
  function called({ label }, number) {
    const dash = timestack.layout.dash(number).replaceAll("px", "").replace("solid", "none");
    const line = { x2: 36, y1: 2, y2: 2, "stroke-dasharray": dash };
    const piece = svg("line", { ...line, stroke: `var(--ts-chart-${number + 1})` });
    const item = document.createElement("li");
    item.append(svg("svg", { class: "ts-line", viewBox: "0 0 36 4", "aria-hidden": true }, piece), label);
    return item;
  }

  // The title is that of what is drawn, which may be another choice than the last one.
  timestack.call = (name, { title, unit, lines }) => {
    dash.set_props(`${name}-name`, { children: `${title} ` });
    dash.set_props(`${name}-unit`, { children: unit });
    const list = document.getElementById(`${name}-lines`);
    list.hidden = lines.length < 2;
    list.replaceChildren(...lines.map(called));
  };
})();
