// The dashboards in the browser: the address follows the choice, and what a reader does to a chart
// becomes its range. Dash calls these functions by name (ClientsideFunction).
(() => {
  // Dragging is a stream of events; the server hears of it when the hand rests.
  const REST_MS = 150;
  // See dash/choice.py.
  const MOST_BESIDE = 5;

  // The address and the choice in it, as this page wrote them last.
  let written = null;
  let chosen = null;
  // By chart.
  const resting = {};

  // Dash's renderer is loaded after this file and adds no_update and set_props to the same object.
  const dash = (window.dash_clientside ??= {});
  const timestack = (window.timestack ??= {});

  // What the reader did to the time axis, as a range of the address; null where it was nothing.
  function rangeOf(relayout) {
    if (relayout?.["xaxis.autorange"]) return "all";
    const pair = relayout?.["xaxis.range"] ?? [
      relayout?.["xaxis.range[0]"],
      relayout?.["xaxis.range[1]"],
    ];
    return pair.every(Boolean) ? timestack.ranges.moment(pair.map(timestack.zone.parsed)) : null;
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

    // A drop-down was changed: those to its right offer what there is, and keep what they can. The
    // last one has a label for each row, if any has.
    cascade(...given) {
      const labels = given.pop();
      let rows = given.pop().map((row, place) => [...row, labels?.[place]]);
      const answer = given.map((wanted, part) => {
        const values = [...new Set(rows.map((row) => row[part]))];
        const value = values.includes(wanted) ? wanted : values[0];
        const isLabelled = labels && part === given.length - 1;
        const labelled = () => rows.map((row) => ({ value: row[part], label: row[part + 1] }));
        const options = isLabelled ? labelled() : values;
        rows = rows.filter((row) => row[part] === value);
        return [options, value];
      });
      return answer.slice(1).flat();
    },

    // The same for what is drawn beside the choice: what is of its group.
    beside(...given) {
      const peers = given.pop();
      const rows = given.pop();
      const wanted = given.pop() ?? [];
      const at = rows.findIndex((row) => row.every((value, part) => value === given[part]));
      if (at < 0) return [dash.no_update, dash.no_update];
      const group = peers[at][2];
      const able = peers.filter((peer, place) => place !== at && peer[2] === group);
      const kept = wanted.filter((key) => able.some((peer) => peer[0] === key));
      const isFull = kept.length >= MOST_BESIDE;
      const options = able.map(([value, label]) => ({
        ...{ value, label },
        disabled: isFull && !kept.includes(value),
      }));
      const isSame = kept.length === wanted.length;
      return [options, isSame ? dash.no_update : kept];
    },

    // A choice was made: write it into the address. Another one is a step that Back undoes, another
    // range is not.
    remember(...given) {
      const { choice, beside, ranges, lists = [], live } = given.pop();
      const names = [...choice, ...beside, ...ranges, ...lists, ...live];
      const value = new Map(names.map((name, index) => [name, given[index]]));
      if ([...choice, ...ranges].some((name) => !value.get(name))) return dash.no_update;
      const query = new URLSearchParams();
      for (const name of [...choice, ...ranges]) query.set(name, value.get(name));
      for (const name of [...beside, ...lists]) if (value.get(name)?.length) query.set(name, value.get(name));
      for (const name of live) if (value.get(name)) query.set(name, "1");
      const search = `?${query}`.replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%2C", ",");
      const path = window.location.pathname;
      const now = [...choice, ...beside].map((name) => value.get(name)).join("\n");
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

  });

  // A chart was zoomed, dragged, or moved by its slider.
  timestack.moved = (name, relayout) => {
    const range = rangeOf(relayout);
    if (range === null) return;
    clearTimeout(resting[name]);
    resting[name] = setTimeout(() => {
      timestack.ranges.choose(name, timestack.latest(name, range));
    }, REST_MS);
  };
})();
