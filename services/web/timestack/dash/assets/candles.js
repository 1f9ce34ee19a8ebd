// Candles of a ticker over their volume as a Plotly figure without a colour: colours.js gives it those
// of the look. A trading day is drawn at its noon and a longer bar in its middle: half of it is to either
// side.
(() => {
  const timestack = (window.timestack ??= {});

  const DAY_MS = 86_400_000;
  const WEEK_MS = 7 * DAY_MS;
  const WIDEST_BAR_PX = 26;
  // The part of its place that a bar takes.
  const BAR = 0.7;
  // Trading days of an average -> its dashes, and its colour of the look, whose first two candles have.
  const AVERAGES = { 20: { dash: "dot", meta: 2 }, 50: { dash: "dash", meta: 3 }, 200: { dash: "solid", meta: 4 } };

  const indexes = (values, isWanted) => values.flatMap((each, index) => (isWanted(each) ? [index] : []));

  // The bars of an answer: where each begins and its middle, the view, and which are in it.
  function read({ time, bucket, close }, range) {
    const width = bucket === null ? DAY_MS : bucket * 1000;
    const given = timestack.parts.times(time, close.length);
    const starts = bucket === null ? given.map((each) => each - (each % DAY_MS)) : given;
    const middles = starts.map((each) => each + width / 2);
    const view = range ?? [starts[0], starts.at(-1) + width];
    const seen = indexes(starts, (each) => each < view[1] && each + width > view[0]);
    return { starts, middles, view, seen, bucket: bucket === null ? null : width };
  }

  function texts({ open, high, low, close, before }) {
    const { dollars, percent } = timestack.words;
    return close.map((price, index) => {
      const last = index ? close[index - 1] : before;
      const change = last && price !== null ? ` (${percent((price / last - 1) * 100)})` : "";
      const others = `open ${dollars(open[index])}, high ${dollars(high[index])}, low ${dollars(low[index])}`;
      return `<b>${dollars(price)}</b>${change}<br>${others}`;
    });
  }

  // Plotly takes the width of a bar from the next one: behind one alone, out of view, is another.
  const paired = (values, step = 0) => (values.length === 1 ? [values[0], values[0] + step] : values);

  // How wide the gaps between bars are, as a part of a bar's place.
  const gap = (place) => 1 - Math.min(BAR, WIDEST_BAR_PX / place);

  function captionOf({ seen, bucket, view }, { adjusted }) {
    const weeks = bucket / WEEK_MS;
    const many = seen.length === 1 ? "" : "s";
    const bars = weeks === 1 ? `week${many}` : `bar${many} of ${weeks} weeks`;
    const what = bucket === null ? `trading day${many}` : bars;
    return `${seen.length} ${what}, ${timestack.days.between(view)}${adjusted ? ", adjusted for splits and dividends" : ""}`;
  }

  // A ticker's bars over its volume; null where there are none in view. `range` is from when to when,
  // null for all there is; `size` is in pixels.
  function candles(answer, { range, kind, size, revision }) {
    const { open, high, low, close, volume, averages, ticker, adjusted } = answer;
    const bars = read(answer, range);
    const { starts, middles, bucket, view, seen } = bars;
    if (!seen.length) return null;
    const isLine = kind === "line";
    const prices = isLine
      ? { type: "scatter", mode: starts.length > 1 ? "lines" : "markers", y: close, line: { width: 1.75 } }
      : { type: "candlestick", open: paired(open), high: paired(high), low: paired(low), close: paired(close) };
    const x = paired(middles, DAY_MS).map(timestack.days.text);
    const drawn = [...(isLine ? [close] : [low, high]), ...averages.map(({ values }) => values)];
    const [bottom, top] = timestack.layout.span(drawn.flatMap((values) => seen.map((index) => values[index])));
    const most = seen.reduce((one, index) => Math.max(one, volume[index] ?? 0), 0);
    const apart = gap(size / seen.length);
    const data = [
      {
        x,
        ...prices,
        ...{ text: texts(answer), hovertemplate: "%{text}<extra></extra>" },
        ...{ name: timestack.layout.plain(ticker.symbol), showlegend: false, meta: 0 },
      },
      ...averages.map(({ days, values }) => ({
        x,
        ...{ type: "scatter", mode: "lines", y: values, meta: AVERAGES[days].meta },
        line: { width: 1.5, dash: AVERAGES[days].dash },
        name: `${days}-day average`,
        hovertemplate: `${days}-day average %{y:,.2f}<extra></extra>`,
      })),
      {
        x,
        ...{ type: "bar", y: paired(volume), yaxis: "y2", showlegend: false, name: "volume" },
        hovertemplate: "volume %{y:,.0f}<extra></extra>",
      },
    ];
    const time = { starts, shown: seen.map((index) => starts[index]), bucket, view };
    const frame = timestack.days.layout(time, answer, { size, revision });
    const layout = {
      ...frame,
      ...{ bargap: apart, boxgap: apart },
      xaxis: { ...frame.xaxis, anchor: "y2", rangeslider: { visible: false } },
      yaxis: {
        title: { text: `${adjusted ? "Adjusted price" : "Price"} (US dollars)` },
        ...{ domain: [0.27, 1], range: [bottom, top], uirevision: `${bottom} ${top}`, exponentformat: "B" },
      },
      yaxis2: {
        title: { text: "Shares" },
        ...{ domain: [0, 0.2], range: timestack.layout.height(0, most || 1), uirevision: String(most) },
        ...{ nticks: 3, exponentformat: "B" },
      },
    };
    return { figure: { data, layout }, caption: captionOf(bars, answer), days: view };
  }

  timestack.candles = candles;
})();
