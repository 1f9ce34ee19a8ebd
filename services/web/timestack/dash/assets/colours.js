// The colours of charts: the tokens of static/colours.css, in Plotly's words. It cannot read CSS, so
// each figure, which has no colour, is given those of the reader's look here.
(() => {
  // Dash's renderer is loaded after this file and adds no_update and set_props to the same object.
  const dash = (window.dash_clientside ??= {});
  const timestack = (window.timestack ??= {});

  const token = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--ts-${name}`).trim();

  // A token is "#rrggbb"; Plotly takes "#rrggbbaa" as well.
  const faint = (colour) => `${colour}33`;
  const CLEAR = "#00000000";

  function colours() {
    const muted = token("text-muted");
    const axis = {
      gridcolor: token("grid"),
      tickcolor: token("grid"),
      tickfont: { color: muted },
      title: { font: { color: muted } },
      spikecolor: token("border-strong"),
    };
    return {
      paper_bgcolor: CLEAR,
      // That of the card: Plotly puts an outline in it around the line at the pointer.
      plot_bgcolor: token("surface"),
      font: { family: token("font"), color: token("text") },
      colorway: [1, 2, 3, 4, 5, 6].map((number) => token(`chart-${number}`)),
      hoverlabel: {
        bgcolor: token("surface"),
        bordercolor: token("border-strong"),
        font: { color: token("text") },
      },
      modebar: { bgcolor: CLEAR, color: muted, activecolor: token("accent") },
      annotationdefaults: { font: { color: muted } },
      xaxis: { ...axis, rangeslider: { bgcolor: token("surface-2") } },
      yaxis: { ...axis, zerolinecolor: muted },
    };
  }

  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

  function merge(one, other) {
    const merged = { ...one };
    for (const [name, value] of Object.entries(other)) {
      merged[name] = isObject(value) && isObject(one[name]) ? merge(one[name], value) : value;
    }
    return merged;
  }

  // What has more colours than that of its line. Bars that closed above their opening are hollow.
  const kinds = ({ colorway: [up, down], hoverlabel: { bgcolor }, modebar: { color } }) => ({
    candlestick: {
      increasing: { line: { color: up, width: 1.25 }, fillcolor: bgcolor },
      decreasing: { line: { color: down, width: 1.25 }, fillcolor: down },
    },
    bar: { marker: { color: `${color}88`, line: { width: 0 } } },
  });

  // A figure in the colours of the look as it is now; `meta` of a trace numbers its line, or says that
  // it is what the others are compared with.
  timestack.painted = ({ data, layout }) => {
    const chosen = colours();
    const special = kinds(chosen);
    const own = ({ type, meta = 0 }) => {
      if (special[type]) return special[type];
      const isHeld = meta === "held";
      const colour = isHeld ? chosen.modebar.color : chosen.colorway[meta % chosen.colorway.length];
      return { line: { color: colour }, marker: { color: colour }, fillcolor: faint(colour) };
    };
    // What stands out, such as the time of an alert, and the thresholds in it; where one part ends and
    // another begins is no alarm.
    const marks = ({ name }) => {
      const colour = token(name === "split" ? "text" : "bad");
      return { line: { color: colour }, fillcolor: faint(colour), label: { font: { color: colour } } };
    };
    return {
      data: data.map((each) => merge(each, own(each))),
      layout: {
        ...layout,
        shapes: layout.shapes?.map((each) => merge(each, marks(each))),
        template: { layout: merge(layout.template?.layout ?? {}, chosen) },
      },
    };
  };

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
    dash.set_props?.("look", { data: event.matches ? "dark" : "light" });
  });
})();
