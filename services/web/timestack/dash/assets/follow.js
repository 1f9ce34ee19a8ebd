// Charts that are live. While its switch is on and its tab is seen, a chart asks every few seconds for
// what is new (timechart/live.py), with short requests that hold no thread between them, and the
// drawing in its store is continued by the answer. Dash calls the functions at the end by name.
(() => {
  // Dash's renderer is loaded after this file and adds no_update and set_props to the same object.
  const dash = (window.dash_clientside ??= {});

  const PACE_MS = 5_000;
  // Between two attempts to reach a server that is away, after some.
  const SLOWEST_MS = 30_000;
  // From when a hand lets go of a chart until its new range is known; see timestack.js.
  const REST_MS = 400;
  const TAIL = "-tail.data";

  // Those that are live, by name.
  const charts = new Map();
  // Each request is one of its own, even if it asks the same as the last one.
  let turn = 0;
  // The one that a hand is on, and when it is thought to have let go.
  let held = null;
  let released;

  // "detail-live" -> "detail"
  const nameOf = ({ id }) => id.slice(0, id.lastIndexOf("-"));
  const caller = () => nameOf(dash.callback_context.inputs_list[0]);

  function say(name, text, look, isPast = false) {
    const className = text ? `ts-chip ts-chip-${look}` : "";
    dash.set_props(`${name}-connection`, { children: text, className });
    dash.set_props(`${name}-newest`, { hidden: !isPast });
  }

  function later(name, wait) {
    const chart = charts.get(name);
    if (!chart || chart.isAsking) return;
    clearTimeout(chart.timer);
    chart.timer = setTimeout(() => {
      if (!document.getElementById(`${name}-live`)) charts.delete(name);
      // Whoever sees the tab again has it asked at once.
      else if (!document.hidden) dash.set_props(`${name}-tick`, { data: Date.now() });
    }, wait);
  }

  function catchUp() {
    if (!document.hidden) for (const name of charts.keys()) later(name, 0);
  }
  document.addEventListener("visibilitychange", catchUp);
  window.addEventListener("online", catchUp);

  document.addEventListener(
    "pointerdown",
    (event) => {
      clearTimeout(released);
      const graph = event.target.closest?.(".ts-chart .dash-graph");
      held = graph ? nameOf(graph) : null;
    },
    true,
  );
  function release() {
    clearTimeout(released);
    released = setTimeout(() => (held = null), REST_MS);
  }
  document.addEventListener("pointerup", release, true);
  document.addEventListener("pointercancel", release, true);

  // See static/trouble.js: what passes by itself is shown at the chart alone.
  window.addEventListener("timestack:failed", (event) => {
    const { what, status } = event.detail;
    if (!what.endsWith(TAIL)) return;
    const name = what.slice(0, -TAIL.length);
    const chart = charts.get(name);
    if (chart && status >= 400 && status < 500 && status !== 429) {
      charts.delete(name);
      say(name, "Stopped", "warn");
      return;
    }
    event.preventDefault();
    if (!chart) return;
    chart.isAsking = false;
    say(name, "Reconnecting", "warn");
    const wait = Math.min(PACE_MS * 1.5 ** chart.failures, SLOWEST_MS);
    chart.failures += 1;
    // Not all at once, when a server comes back.
    later(name, wait * (0.75 + Math.random() / 2));
  });

  // A range's ends, as Plotly or an address has them, in milliseconds.
  const milliseconds = (text) => Date.parse(text.replace(" ", "T").replace(/Z?$/, "Z"));

  // A range of two instants as the seconds up to the newest row.
  function lengthOf(range) {
    const [start, end] = range.split("/").map(milliseconds);
    return `PT${Math.max(Math.round((end - start) / 1000), 1)}S`;
  }

  const isMoment = (range) => range?.includes("/");
  const isLatest = (range, newest) =>
    milliseconds(range.split("/")[1]) >= milliseconds(String(newest)) - 1000;

  // Closed shapes, each there along the maximum and back along the minimum, as columns.
  function stretches({ x, y }) {
    const found = [];
    for (let begin = 0; begin < x.length; ) {
      const end = x.indexOf(null, begin);
      const half = (end - begin) / 2;
      found.push({
        x: x.slice(begin, begin + half),
        high: y.slice(begin, begin + half),
        low: y.slice(begin + half, end).reverse(),
      });
      begin = end + 1;
    }
    return found;
  }

  function shapes(columns) {
    const x = [];
    const y = [];
    for (const each of columns.filter((each) => each.x.length)) {
      x.push(...each.x, ...each.x.toReversed(), null);
      y.push(...each.high, ...each.low.toReversed(), null);
    }
    return { x, y };
  }

  // How many of the times of a trace, some of which are null, come before another one.
  function before(x, since) {
    const index = x.findIndex((time) => time !== null && time >= since);
    return index < 0 ? x.length : index;
  }

  function continuedBand(band, added, since) {
    const kept = stretches(band).filter((each) => each.x[0] < since);
    const [first, ...more] = stretches(added);
    const last = kept.at(-1);
    const count = last ? before(last.x, since) : 0;
    if (!last || count === last.x.length) return shapes([...kept, first, ...more].filter(Boolean));
    // What is added began within a shape, and goes on with it.
    const joined = Object.fromEntries(
      ["x", "high", "low"].map((name) => [
        name,
        [...last[name].slice(0, count), ...(first?.[name] ?? [])],
      ]),
    );
    return shapes([...kept.slice(0, -1), joined, ...more]);
  }

  function continuedLine(line, added, since) {
    const count = before(line.x, since);
    const joined = (one, other) => [...one.slice(0, count), ...other];
    const size = joined(line.marker.size, added.marker.size);
    // It is a dot where it has no neighbour, and was drawn without those before it.
    if (count && line.y[count - 1] !== null) size[count] = 0;
    return {
      x: joined(line.x, added.x),
      y: joined(line.y, added.y),
      text: joined(line.text, added.text),
      marker: { ...line.marker, size },
    };
  }

  const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  // A drawing with what is new of it; null where nothing is, or it is another one by now.
  function continued(drawing, tail) {
    const { data, layout } = drawing;
    const [band, line, ...others] = data;
    const { meta } = layout;
    if (meta.shown?.since !== tail.since || layout.uirevision !== tail.revision) return null;
    const since = tail.since.replace("Z", "");
    const [addedBand, addedLine] = tail.data;
    const now = continuedLine(line, addedLine, since);
    const known = ({ x, y, text }) => [x, y, text];
    const isNew =
      !isSame(known(now), known(line)) ||
      !isSame(layout.xaxis.range, tail.range) ||
      !isSame(layout.shapes ?? [], tail.shapes);
    if (!isNew) return null;

    const [low, high] = layout.yaxis.range;
    const [lower, higher] = tail.height ?? [low, high];
    const height = [Math.min(low, lower), Math.max(high, higher)];
    const [start, end] = tail.range.map((each) => each.replace(" ", "T"));
    const isSeen = (time, index) =>
      time !== null && now.y[index] !== null && time >= start && time.slice(0, end.length) <= end;
    const count = now.x.filter(isSeen).length;
    return {
      data: [
        { ...band, ...continuedBand(band, addedBand, since) },
        { ...line, ...now },
        ...others,
      ],
      layout: {
        ...layout,
        shapes: tail.shapes,
        // Another revision of the axes alone: the reader's mode, such as zoom, stays.
        xaxis: { ...layout.xaxis, range: tail.range, uirevision: `${tail.revision} ${end}` },
        yaxis: { ...layout.yaxis, range: height, uirevision: `${tail.revision} ${height}` },
        meta: { ...meta, rows: tail.rows, shown: { ...tail.shown, count } },
      },
    };
  }

  function withSlider(drawing, [first, last]) {
    const { layout } = drawing;
    const { xaxis } = layout;
    if (!xaxis?.rangeslider || (xaxis.minallowed === first && xaxis.maxallowed === last)) {
      return drawing;
    }
    const rangeslider = { ...xaxis.rangeslider, range: [first, last] };
    const moved = { ...xaxis, minallowed: first, maxallowed: last, rangeslider };
    return { ...drawing, layout: { ...layout, xaxis: moved } };
  }

  function show(name, answer, drawing) {
    const { whole, tail, slider } = answer;
    if (whole) {
      dash.set_props(`${name}-title`, { children: whole.title });
      dash.set_props(`${name}-caption`, { children: whole.caption });
      dash.set_props(`${name}-drawing`, { data: whole.drawing });
      return;
    }
    const now = tail && continued(drawing, tail);
    const shown = slider ? withSlider(now ?? drawing, slider) : (now ?? drawing);
    if (now) {
      const { count } = now.layout.meta.shown;
      const points = `${count.toLocaleString("en")} ${now.layout.meta.noun}`;
      dash.set_props(`${name}-caption`, { children: `${points}, ${tail.between}` });
    }
    if (shown !== drawing) dash.set_props(`${name}-drawing`, { data: shown });
  }

  Object.assign((dash.timestack ??= {}), {
    // The switch is on or off: when it is on, it is time to ask. By hand, it leads from the past to
    // what is new.
    live(isOn, range, drawing) {
      const name = caller();
      clearTimeout(charts.get(name)?.timer);
      charts.delete(name);
      if (!isOn) {
        say(name, null);
        dash.set_props(`${name}-news`, { children: null });
        return dash.no_update;
      }
      charts.set(name, { failures: 0, isAsking: false });
      const isByHand = dash.callback_context.triggered.length > 0;
      const newest = drawing?.layout?.xaxis?.maxallowed;
      if (isMoment(range) && newest && (isByHand || isLatest(range, newest))) {
        dash.set_props(`${name}-range`, { data: lengthOf(range) });
      }
      return document.hidden ? dash.no_update : Date.now();
    },

    // It is time, or the range is another one: ask by what is shown.
    ask(_, range, drawing) {
      const chart = charts.get(caller());
      if (!chart || chart.isAsking) return dash.no_update;
      clearTimeout(chart.timer);
      chart.isAsking = true;
      turn += 1;
      return { shown: drawing?.layout?.meta?.shown ?? null, turn };
    },

    // The answer. What cannot be used now, is asked for again.
    follow(answer, range, drawing) {
      const name = caller();
      const chart = charts.get(name);
      if (!chart || !answer) return;
      Object.assign(chart, { failures: 0, isAsking: false });
      const isPast = isMoment(range);
      if (isPast) say(name, "Paused while you look at the past", "info", true);
      else say(name, "Live", "ok");
      dash.set_props(`${name}-news`, { children: answer.news });
      if (held !== name && answer.span === range) show(name, answer, drawing);
      later(name, PACE_MS);
    },

    // The way back from the past.
    newest(_, range) {
      if (isMoment(range)) dash.set_props(`${caller()}-range`, { data: lengthOf(range) });
    },

    // What a chart was moved to, as a range: one that ends at the newest row goes on to do so while
    // the chart is live.
    latest(name, range, axis) {
      const isEnd = charts.has(name) && isMoment(range) && isLatest(range, axis?.maxallowed);
      return isEnd ? lengthOf(range) : range;
    },

    // Where the rows of a drawing are downloaded.
    links(drawing) {
      const rows = drawing?.layout?.meta?.rows;
      const formats = dash.callback_context.outputs_list.slice(1).map(({ id }) => id.split("-").at(-1));
      return [!rows, ...formats.map((format) => (rows ? `${rows}&format=${format}` : null))];
    },
  });
})();
