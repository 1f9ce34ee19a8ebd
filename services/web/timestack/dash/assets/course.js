// The courses of forecasts (dash/forecast/chart.py) as Plotly figures without a colour: colours.js gives
// them those of the look. A day of trading is a date without a zone.
(() => {
  const timestack = (window.timestack ??= {});

  const DAY_MS = 86_400_000;
  // Below and above the price, in pixels.
  const APART_PX = 6;
  // Room above the price for the label of the test part, as a part of the height.
  const LABEL = 0.08;
  const HOVER_DAY = "%a %-d %b %Y";
  const HELD = { meta: "held", name: "buy and hold", line: { width: 1.5, dash: "6px,2px,1px,2px,1px,2px" } };
  const AFTER = { 1: "long", 0: "out", "-1": "short" };

  const one = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  // "+3.1 %" of a part of 1.
  function change(part) {
    const value = Math.round(part * 1000) / 10;
    return `${value < 0 ? "−" : value > 0 ? "+" : ""}${one.format(Math.abs(value))} %`;
  }

  // Days are sent as how many each is after the one before.
  function times(days) {
    let day = 0;
    return days.map((step) => (day += step) * DAY_MS);
  }
  const dates = (given) => given.map((time) => timestack.days.iso(time));

  // What changed at the close of a day; the last position is that of the day after the last price.
  function trades({ positions, split, allDays, prices }) {
    const at = times(allDays);
    return positions.slice(0, -1).flatMap((to, index) => {
      const from = index ? positions[index - 1] : 0;
      return to === from ? [] : [{ time: at[split + index], price: prices[split + index], from, to }];
    });
  }

  const after = ({ positions }) => AFTER[positions.at(-1)];
  const position = (value) => AFTER[value];

  function marks(found, isBuy) {
    const ours = found.filter(({ from, to }) => to > from === isBuy);
    const said = isBuy ? "bought" : "sold";
    // Told apart by their shape and place as well.
    const marker = { symbol: "triangle-up", angle: isBuy ? 0 : 180, size: 8, opacity: 1 };
    const look = { type: "scatter", mode: "markers", meta: isBuy ? 3 : 1 };
    return [
      {
        ...look,
        x: dates(ours.map(({ time }) => time)),
        y: ours.map(({ price }) => price),
        text: ours.map(({ from, to }) => `${position(from)} to ${position(to)}`),
        name: said,
        showlegend: false,
        hovertemplate: `${said}: %{text}<extra></extra>`,
        marker: { ...marker, standoff: APART_PX },
      },
      // In the legend a mark is beside its name.
      { ...look, x: [null], y: [null], name: `${said} (${ours.length})`, marker },
    ];
  }

  // The value axis of the days in view.
  function height(at, values, [start, end]) {
    const seen = values.filter((_, index) => at[index] >= start && at[index] <= end);
    return timestack.layout.span(seen.length ? seen : values);
  }

  // The price with what was bought and sold; `view` is from when to when it is shown.
  function price(course, view, revision) {
    const at = times(course.allDays);
    const found = trades(course);
    const [bottom, low] = height(at, course.prices, view);
    const top = low + (low - bottom) * LABEL;
    const begins = timestack.days.iso(at[course.split]);
    const label = { text: course.splitLabel, textangle: 0, textposition: "end", xanchor: "left", yanchor: "top", font: { size: 12 } };
    const data = [
      {
        type: "scatter",
        mode: "lines",
        x: dates(at),
        y: course.prices,
        text: course.prices.map(timestack.words.dollars),
        name: "price",
        hovertemplate: "%{text} dollars<extra></extra>",
        line: { width: 1.5 },
        meta: 0,
      },
      ...[true, false].flatMap((isBuy) => marks(found, isBuy)),
    ];
    const layout = {
      template: timestack.layout.template(),
      showlegend: true,
      uirevision: revision,
      xaxis: {
        range: view.map(timestack.days.iso),
        uirevision: revision,
        hoverformat: HOVER_DAY,
        minallowed: timestack.days.iso(at[0]),
        maxallowed: timestack.days.iso(at.at(-1) + DAY_MS),
        rangeslider: {
          visible: true,
          thickness: 0.12,
          borderwidth: 0,
          range: [at[0], at.at(-1) + DAY_MS].map(timestack.days.iso),
          yaxis: { rangemode: "auto" },
        },
      },
      yaxis: { title: { text: "US dollars" }, range: [bottom, top], autorange: false, uirevision: `${bottom} ${top}` },
      shapes: [
        {
          ...{ type: "line", name: "split", x0: begins, x1: begins, yref: "y domain", y0: 0, y1: 1 },
          ...{ line: { width: 1.5, dash: "dash" }, label },
        },
      ],
    };
    return { data, layout };
  }

  // Lines in percent, each with what is said of it.
  function lines(given) {
    const [bottom, top] = timestack.layout.span(given.flatMap(({ values }) => values));
    const data = given.map(({ days, values, label, said, isHeld }, number) => {
      const called = timestack.layout.plain(label);
      const line = isHeld ? HELD.line : { width: 1.75, dash: timestack.layout.dash(number) };
      return {
        type: "scatter",
        mode: "lines",
        x: dates(times(days)),
        y: values.map((value) => value * 100),
        text: values.map(change),
        name: `${called} ${timestack.layout.plain(said)}`,
        hovertemplate: `${called} %{text}<extra></extra>`,
        line,
        meta: isHeld ? HELD.meta : number,
      };
    });
    const layout = {
      template: timestack.layout.template(),
      showlegend: true,
      dragmode: false,
      xaxis: { fixedrange: true, hoverformat: HOVER_DAY },
      yaxis: { title: { text: "%" }, range: [bottom * 100, top * 100], zeroline: true, nticks: 8 },
    };
    return { data, layout };
  }

  // How far each value is below the highest until then, as a part of that.
  function fallen(profit) {
    let high = -Infinity;
    return profit.map((each) => {
      high = Math.max(high, 1 + each);
      return (1 + each) / high - 1;
    });
  }

  const held = (days, values, said) => ({ days, values, said, label: HELD.name, isHeld: true });

  // The profits of forecasts, with buy-and-hold as it is for `other` where that is one of them.
  const profits = (given, other) => [
    ...given.map(({ days, profit, label, profitSaid }) => ({ days, values: profit, label, said: profitSaid })),
    ...(other ? [held(other.days, other.held, other.heldSaid)] : []),
  ];
  const falls = (course) => [
    { days: course.days, values: fallen(course.profit), label: course.label, said: course.fallSaid },
    held(course.days, fallen(course.held), course.heldFallSaid),
  ];

  timestack.course = { times, trades, after, position, price, lines, profits, falls };
})();
