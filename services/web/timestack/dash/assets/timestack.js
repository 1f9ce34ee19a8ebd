// The dashboards in the browser: the address follows the choice, and a chart that was moved asks
// the server for what came into view. Dash calls these functions by name (ClientsideFunction).
(() => {
  // Dragging is a stream of events; the server hears of it when the hand rests.
  const REST_MS = 150;

  // The address and the choice in it, as this page wrote them last.
  let written = null;
  let chosen = null;
  // By chart.
  const resting = {};

  // Dash's renderer is loaded after this file and adds no_update and set_props to the same object.
  const dash = (window.dash_clientside ??= {});

  // Plotly's "2013-03-01 05:12:33.1234", UTC without saying so -> "2013-03-01T05:12:33Z".
  function instant(text) {
    const [day, clock = "00:00"] = text.split(/[ T]/);
    return `${new Date(`${day}T${clock}Z`).toISOString().slice(0, 19)}Z`;
  }

  // What the reader did to the time axis, as a range of the address; null where it was nothing.
  function rangeOf(relayout) {
    if (relayout?.["xaxis.autorange"]) return "all";
    const pair = relayout?.["xaxis.range"] ?? [
      relayout?.["xaxis.range[0]"],
      relayout?.["xaxis.range[1]"],
    ];
    return pair.every(Boolean) ? pair.map((end) => instant(String(end))).join("/") : null;
  }

  // Plotly takes every touch for a drag of the chart, and a phone's page would stop scrolling where
  // a chart begins. It does not get to see them: the slider moves the chart, a tap still shows values.
  document.addEventListener(
    "touchstart",
    (event) => {
      if (event.target.closest?.(".nsewdrag")) event.stopPropagation();
    },
    { capture: true, passive: true },
  );

  // A drop-down puts a field before its button that takes the focus and passes it on, and hides it
  // from screen readers all the same. The button can take it by itself.
  new MutationObserver(() => {
    for (const field of document.querySelectorAll(".dash-dropdown-focus-target:not([inert])")) {
      field.inert = true;
      field.nextElementSibling.tabIndex = 0;
    }
  }).observe(document, { childList: true, subtree: true });

  Object.assign((dash.timestack ??= {}), {
    // The address changed: render it, unless this page wrote it to say what it already shows.
    route(path, search) {
      if (!path || path + search === written) return dash.no_update;
      written = path + search;
      chosen = null;
      return { path, search: search ?? "", width: window.innerWidth };
    },

    // A drop-down was changed: those to its right offer what there is, and keep what they can.
    cascade(...given) {
      let rows = given.pop();
      const answer = given.map((wanted, part) => {
        const values = [...new Set(rows.map((row) => row[part]))];
        const value = values.includes(wanted) ? wanted : values[0];
        rows = rows.filter((row) => row[part] === value);
        return [values, value];
      });
      return answer.slice(1).flat();
    },

    // A choice was made: write it into the address. Another one is a step that Back undoes, another
    // range is not.
    remember(...given) {
      const { choice, ranges, live } = given.pop();
      const names = [...choice, ...ranges];
      if (names.some((_, index) => !given[index])) return dash.no_update;
      const query = new URLSearchParams(names.map((name, index) => [name, given[index]]));
      live.forEach((name, index) => given[names.length + index] && query.set(name, "1"));
      const search = `?${query}`.replaceAll("%3A", ":").replaceAll("%2F", "/");
      const path = window.location.pathname;
      const now = given.slice(0, choice.length).join("\n");
      const step = chosen !== null && chosen !== now && path + search !== written;
      chosen = now;
      written = path + search;
      window.history[step ? "pushState" : "replaceState"](window.history.state, "", written);
      // dcc.Location listens to this and takes the address over.
      window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
      return written;
    },

    // A range button was pressed.
    preset(range) {
      return range ?? dash.no_update;
    },

    // A chart was zoomed, dragged, or moved by its slider.
    zoom(relayout) {
      const range = rangeOf(relayout);
      if (range === null) return;
      // "detail-graph" -> "detail"
      const [{ id }] = dash.callback_context.inputs_list;
      const name = id.slice(0, id.lastIndexOf("-"));
      clearTimeout(resting[name]);
      resting[name] = setTimeout(() => {
        const axis = document.querySelector(`#${id} .js-plotly-plot`)?._fullLayout?.xaxis;
        if (axis) dash.set_props(`${name}-points`, { data: Math.round(axis._length) });
        dash.set_props(`${name}-preset`, { value: range === "all" ? "all" : null });
        dash.set_props(`${name}-range`, { data: dash.timestack.latest(name, range, axis) });
      }, REST_MS);
    },
  });
})();
