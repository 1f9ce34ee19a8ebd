// The charts of a page: each has a skeleton (timechart/skeleton.py), asks the API for the points of
// what is in view, as many as it is pixels wide, and draws them. Dash calls the functions at the end by
// name; what a reader does to a chart is in timestack.js, what is new in follow.js.
(() => {
  // Dash's renderer is loaded after this file and adds set_props to the same object.
  const dash = (window.dash_clientside ??= {});
  const timestack = (window.timestack ??= {});

  const DAY_MS = 86_400_000;
  const FEWEST_POINTS = 200;
  const MOST_POINTS = 2400;
  // What of a chart that is not drawn yet will be its axis.
  const AXIS_PX = 80;
  const EMPTY = "No data yet";

  // Name -> what it shows: skeleton, range, view and extent ([first, last], both inclusive), parts of
  // the view, outer ones of the whole history, bands. Without parts nothing is drawn yet, and until it
  // is fresh they are of another range, `drawn`.
  const charts = new Map();

  // Each request for bands is one of its own, even if it asks the same as the last one.
  let turn = 0;

  const graph = (name) => document.querySelector(`#${name}-graph .js-plotly-plot`);
  const clamp = (points) => Math.min(Math.max(Math.round(points), FEWEST_POINTS), MOST_POINTS);
  function width(name) {
    const axis = graph(name)?._fullLayout?.xaxis;
    const box = document.getElementById(`${name}-graph`);
    return clamp(graph(name)?.data?.length ? axis._length : (box?.clientWidth ?? 0) - AXIS_PX);
  }

  // Both ends of a view are inclusive, and an end is exclusive.
  const instant = (time) => new Date(time).toISOString().replace(".000Z", "Z");
  const bounds = ([start, end]) => ({ start: instant(Math.floor(start)), end: instant(Math.floor(end) + 1) });
  const address = (base, asked) => `${base}&${new URLSearchParams(asked)}`;

  const keysOf = ({ lines }) => lines.map(({ key }) => key);
  const decoded = (answer, skeleton) => timestack.parts.decoded(answer, keysOf(skeleton));

  function paint(name, figure, caption) {
    const { skeleton: names, isDaily } = charts.get(name);
    timestack.plot(name, figure, { names, isStill: isDaily, moved: isDaily ? null : timestack.moved });
    dash.set_props(`${name}-caption`, { children: caption });
  }

  // The rows of what is shown, in each format.
  function link(name, skeleton, view) {
    const menu = document.getElementById(`${name}-download`);
    if (!menu) return;
    menu.hidden = !view;
    if (!view) return;
    for (const each of menu.querySelectorAll("a")) {
      each.href = address(skeleton.rows, { ...bounds(view), format: each.dataset.format });
    }
  }

  function draw(name) {
    const chart = charts.get(name);
    if (!chart?.parts) return;
    const { skeleton, parts, view, extent, range, isDaily } = chart;
    timestack.call(name, skeleton);
    if (!extent) {
      paint(name, timestack.layout.blank(EMPTY), `${EMPTY}.`);
      link(name, skeleton, null);
      return;
    }
    const isMoved = timestack.ranges.isMoment(range);
    const whole = { ...chart, extent: timestack.ranges.widened(extent) };
    const figure = isDaily
      ? timestack.figure.daily(whole)
      : timestack.figure.detail({
          ...whole,
          revision: `${skeleton.series} ${isMoved ? "moved" : range}`,
          moved: isMoved ? "" : view,
        });
    paint(name, figure, timestack.words.caption(parts, skeleton.levels, view));
    link(name, skeleton, view);
  }

  // The whole history, a point a day or fewer: never more points than whole days, so that a bucket is
  // a day or several.
  function days({ skeleton, extent }) {
    const count = Math.floor((extent[1] - extent[0]) / DAY_MS);
    const points = Math.min(Math.max(count, 1), MOST_POINTS);
    return address(skeleton.series, { ...bounds(timestack.ranges.widened(extent)), points });
  }

  // What is left and right of the view, once, when there is time for it; without it a chart is whole.
  async function surround(name) {
    const chart = charts.get(name);
    if (chart.outer) return;
    const answer = await timestack.request(`${name} days`, days(chart)).catch(() => null);
    if (!answer || charts.get(name) !== chart || chart.outer) return;
    chart.outer = decoded(answer, chart.skeleton);
    if (timestack.held() !== name) draw(name);
  }

  // What stands out in the view, such as alerts; the answer comes to `bands`.
  function mark(name) {
    const chart = charts.get(name);
    if (!chart.skeleton.bands || !chart.extent) return;
    turn += 1;
    chart.seen = { ...bounds(chart.view), turn };
    dash.set_props(`${name}-seen`, { data: chart.seen });
  }

  function take(name, view, answer) {
    const chart = charts.get(name);
    const parts = decoded(answer, chart.skeleton);
    const isFirst = !chart.isFresh;
    Object.assign(chart, { view, parts, seenTo: view[1], isFresh: true, drawn: chart.range });
    // The whole history is also what is around a part of it.
    if (!chart.isDaily && chart.range === "all") chart.outer = parts;
    draw(name);
    if (chart.isDaily) return;
    surround(name);
    mark(name);
    if (isFirst) timestack.soon(name);
  }

  // A chart shows what it did before: so do its buttons and the address, until another try. What it
  // was moved to by hand, it shows.
  function refused(name, chart) {
    if (charts.get(name) !== chart) return null;
    const { range, drawn } = chart;
    if (timestack.ranges.isMoment(range)) chart.drawn = range;
    if (!chart.parts || chart.drawn === range) return null;
    Object.assign(chart, { range: drawn, isFresh: true });
    timestack.ranges.choose(name, drawn);
    return () => timestack.ranges.choose(name, range);
  }

  // Ask for what a chart is to show, and draw it when it is there.
  function load(name) {
    const chart = charts.get(name);
    if (!chart.extent) {
      Object.assign(chart, { parts: [], isFresh: true });
      draw(name);
      return;
    }
    const view = timestack.ranges.meant(chart.range, chart.extent);
    const url = chart.isDaily
      ? days(chart)
      : address(chart.skeleton.series, { ...bounds(view), points: width(name) });
    timestack.ask(
      name,
      url,
      (answer) => charts.get(name) === chart && take(name, view, answer),
      () => refused(name, chart),
    );
  }

  const extentOf = ({ extent }) => extent?.map((each) => Date.parse(each)) ?? null;

  Object.assign((dash.timestack ??= {}), {
    // A page has come, another choice was made, or another range.
    show(skeleton, range) {
      const [{ id }] = dash.callback_context.inputs_list;
      // "detail-skeleton" -> "detail"
      const name = id.slice(0, id.lastIndexOf("-"));
      const before = charts.get(name);
      const isSame = JSON.stringify(before?.skeleton) === JSON.stringify(skeleton);
      const isDaily = range === undefined;
      // It was put back to what is drawn.
      if (isSame && graph(name) && before.isFresh && before.range === range) return dash.no_update;
      charts.set(name, {
        // What is new is not in the skeleton.
        ...(isSame ? before : { extent: extentOf(skeleton), bands: [] }),
        ...{ skeleton, isDaily, range: range ?? "all", seen: null, isFresh: false },
      });
      load(name);
      return dash.no_update;
    },

    // What stands out in what was seen.
    bands(answer) {
      const [{ id }] = dash.callback_context.inputs_list;
      const name = id.slice(0, id.lastIndexOf("-"));
      const chart = charts.get(name);
      if (!answer || answer.seen.turn !== chart?.seen?.turn) return;
      if (JSON.stringify(answer.bands) === JSON.stringify(chart.bands)) return;
      chart.bands = answer.bands;
      draw(name);
    },

    // The look or the zone is another one.
    repaint() {
      for (const name of charts.keys()) if (graph(name)) draw(name);
    },
  });

  Object.assign(timestack, { charts: { get: (name) => charts.get(name), load, draw, mark, width, address, decoded } });
})();
