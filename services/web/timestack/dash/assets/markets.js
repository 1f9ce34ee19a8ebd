// The chart of the Markets page: it asks the API for the bars of what is in view, as many as it has
// pixels for, or for the changes of several tickers, and draws them (candles.js, comparison.js). Dash
// calls the functions at the end by name.
(() => {
  // Dash's renderer is loaded after this file and adds set_props to the same object.
  const dash = (window.dash_clientside ??= {});
  const timestack = (window.timestack ??= {});

  const NAME = "markets";
  const DAY_MS = 86_400_000;
  // What is drawn has as much room at least.
  const BAR_PX = 4;
  const POINT_PX = 2;
  const FEWEST_POINTS = 30;
  const MOST_POINTS = 1000;
  // What of a chart that is not drawn yet will be its axis.
  const AXIS_PX = 80;
  // Dragging is a stream of events; the server hears of it when the hand rests.
  const REST_MS = 150;
  // What is read on either side, as a part of what is in view, so that moving shows something.
  const MARGIN = 0.5;

  // What the reader has chosen, the address that was asked for it, and its answer.
  let chosen = null;
  let url = null;
  let answer = null;
  // What was chosen and asked of what is drawn.
  let shown = null;
  let resting = null;

  const element = (part) => document.getElementById(`${NAME}-${part}`);
  const set = (part, props) => dash.set_props(`${NAME}-${part}`, props);
  const axis = () => document.querySelector(`#${NAME}-graph .js-plotly-plot`)?._fullLayout?.xaxis;
  const width = () => (answer && axis()?._length) || element("graph").clientWidth - AXIS_PX;
  // From when to when the reader has moved to; null where a button says it.
  const moved = () =>
    chosen.range.includes("/") ? chosen.range.split("/").map((day) => Date.parse(day)) : null;
  const isOne = () => !chosen.compare.length;

  // What Plotly says of an axis, as whole days of an address: those that are seen in part as well.
  function daysOf(ends) {
    const [start, end] = ends.map((each) => {
      const [day, clock = "00:00"] = String(each).split(/[ T]/);
      return Date.parse(`${day}T${clock}Z`);
    });
    return [Math.floor(start / DAY_MS), Math.ceil(end / DAY_MS)]
      .map((day) => timestack.days.iso(day * DAY_MS))
      .join("/");
  }

  // The days to read for a view.
  function around([start, end]) {
    // Nothing is beyond the ends, and until they are known nothing is read around the view.
    if (!isOne() || answer?.ticker?.symbol !== chosen.ticker || !answer.whole) return [start, end];
    const room = (end - start) * MARGIN;
    const [first, last] = [answer.whole.first, answer.whole.last].map((day) => Date.parse(day));
    return [
      Math.max(start - room, Math.min(first, start)),
      Math.min(end + room, Math.max(last + DAY_MS, end)),
    ];
  }

  function address() {
    const { ticker, compare, range, adjusted, averages, places } = chosen;
    const query = new URLSearchParams([ticker, ...compare].map((symbol) => ["ticker", symbol]));
    let points = width() / (isOne() ? BAR_PX : POINT_PX);
    const view = moved();
    if (view) {
      const [start, end] = around(view);
      query.set("start", timestack.days.iso(start));
      query.set("end", timestack.days.iso(end));
      points *= (end - start) / (view[1] - view[0]);
    } else query.set("range", range);
    query.set("points", Math.round(Math.min(Math.max(points, FEWEST_POINTS), MOST_POINTS)));
    if (adjusted) query.set("adjusted", "true");
    if (isOne()) for (const each of averages) query.append("average", each);
    return `${isOne() ? places.candles : places.comparison}?${query}`;
  }

  // The rows of what is shown, in each format.
  function link(tickers, days) {
    const menu = element("download");
    menu.hidden = !days;
    if (!days) return;
    const [start, end] = days.map(timestack.days.iso);
    const query = new URLSearchParams(tickers.map(({ id }) => ["key.ticker_id", id]));
    query.set("start", `${start}T00:00:00Z`);
    query.set("end", `${end}T00:00:00Z`);
    for (const each of menu.querySelectorAll("a")) {
      query.set("format", each.dataset.format);
      each.href = `${chosen.places.rows}?${query}`;
    }
  }

  // What is in view, of the days that there are.
  function seen() {
    const view = moved();
    if (!view || !answer.whole) return view;
    const [first, last] = [answer.whole.first, answer.whole.last].map((day) => Date.parse(day));
    return [Math.max(view[0], first), Math.min(view[1], last + DAY_MS)];
  }

  function nothing() {
    const text = answer.whole ? "No trading days in this range" : "No prices yet";
    return { figure: timestack.layout.blank(text), caption: `${text}.`, days: null };
  }

  function draw() {
    // The reader may have left the page meanwhile.
    if (!answer || !element("graph")) return;
    const one = isOne();
    const view = {
      range: seen(),
      kind: chosen.kind,
      size: width(),
      revision: `${tickersOf(chosen)} ${moved() ? "moved" : chosen.range}`,
    };
    const drawn = one ? timestack.candles(answer, view) : timestack.comparison(answer, view);
    const { figure, caption, days } = drawn ?? nothing();
    const tickers = one ? [answer.ticker] : answer.series.map(({ ticker }) => ticker);
    const title = one ? `${tickers[0].symbol}, ${tickers[0].name}` : tickers.map(({ symbol }) => symbol).join(", ");
    const unit = one ? "US dollars" : "%";
    timestack.plot(NAME, figure, { names: { title, unit }, moved: rest });
    set("caption", { children: caption });
    set("title", { children: title });
    set("unit", { children: unit });
    element("alone").hidden = !one;
    element("keys").hidden = !(one && days && chosen.kind === "candles");
    link(tickers, days);
  }

  // The chart was zoomed or dragged.
  function rest(_, relayout) {
    const isWhole = relayout["xaxis.autorange"];
    const ends = relayout["xaxis.range"] ?? [0, 1].map((end) => relayout[`xaxis.range[${end}]`]);
    if (!isWhole && !ends.every((end) => end !== undefined)) return;
    clearTimeout(resting);
    resting = setTimeout(() => timestack.ranges.choose(NAME, isWhole ? "all" : daysOf(ends)), REST_MS);
  }

  const tickersOf = ({ ticker, compare }) => [ticker, ...compare].join(" ");

  // The chart shows what it did before: so do its buttons and the address, until another try. What it
  // was moved to by hand, it shows.
  function refused() {
    if (!shown || tickersOf(shown) !== tickersOf(chosen)) return null;
    const { range } = chosen;
    if (moved()) Object.assign(shown, { range, url });
    if (shown.range === range) return null;
    chosen.range = shown.range;
    url = shown.url;
    timestack.ranges.choose(NAME, shown.range);
    return () => timestack.ranges.choose(NAME, range);
  }

  Object.assign((dash.timestack ??= {}), {
    // Another ticker, range or look was chosen, or the page has come.
    market(_, ticker, compare, range, kind, averages, adjusted, look, places) {
      if (!ticker || !range) return dash.no_update;
      chosen = { ticker, compare: compare ?? [], range, kind, averages: averages ?? [], adjusted, places };
      // What changes only how it looks needs no other answer, nor does a range that is put back.
      const isShown = url === shown?.url && range === shown.range;
      const isLook = [`${NAME}-kind`, `${NAME}-range`, "look"].includes(dash.callback_context.triggered_id);
      if (isShown && isLook) {
        draw();
        return dash.no_update;
      }
      url = address();
      const draws = (found) => {
        answer = found;
        shown = { ...chosen, url };
        draw();
      };
      timestack.ask(NAME, url, draws, refused);
      return dash.no_update;
    },

    // A range button was pressed.
    marketRange(range) {
      if (range) set("range", { data: range });
    },
  });
})();
