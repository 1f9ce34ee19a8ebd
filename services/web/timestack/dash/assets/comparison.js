// Several tickers in percent as a Plotly figure without a colour: colours.js gives it those of the look.
(() => {
  const timestack = (window.timestack ??= {});

  const DAY_MS = 86_400_000;

  // One of several tickers: the first point is a day, whatever the others are.
  function line({ time, percent: values }, bucket) {
    const given = timestack.parts.times(time, values.length);
    const half = (bucket ?? DAY_MS) / 2;
    return {
      x: given.map((each, index) => each + (index ? half : DAY_MS / 2)),
      starts: bucket === null ? given : given.slice(1),
      values,
    };
  }

  function since(series) {
    const [{ first }] = series;
    const others = series.filter((each) => each.first && each.first !== first);
    const later = others.map(({ ticker, first: day }) => `${ticker.symbol} since ${timestack.days.written(Date.parse(day))}`);
    const none = series.filter((each) => !each.first).map(({ ticker }) => `${ticker.symbol} has no prices then`);
    return [...later, ...none].map((each) => `; ${each}`).join("");
  }

  // Several tickers in percent, from the first day of each in view; null where none has one.
  function comparison(answer, { range, size, revision }) {
    const { series, adjusted } = answer;
    const { dash, plain, span } = timestack.layout;
    const { percent } = timestack.words;
    const bucket = answer.bucket === null ? null : answer.bucket * 1000;
    const lines = series.map((each) => line(each, bucket));
    const xs = lines.flatMap(({ x }) => (x.length ? [x[0], x.at(-1)] : []));
    if (!xs.length) return null;
    const view = range ?? [Math.min(...xs) - DAY_MS / 2, Math.max(...xs) + DAY_MS / 2];
    const starts = [...new Set(lines.flatMap((each) => each.starts))].sort((one, other) => one - other);
    const [bottom, top] = span(lines.flatMap(({ values }) => values));
    const data = lines.map(({ x, values }, number) => {
      const symbol = plain(series[number].ticker.symbol);
      return {
        ...{ type: "scatter", mode: values.length > 1 ? "lines" : "markers", y: values, meta: number },
        x: x.map(timestack.days.text),
        line: { width: 1.75, dash: dash(number) },
        name: `${symbol} ${values.length ? plain(percent(values.at(-1))) : "no prices"}`,
        text: values.map(percent),
        hovertemplate: `${symbol} %{text}<extra></extra>`,
      };
    });
    const time = { starts, shown: starts, bucket, view };
    const layout = {
      ...timestack.days.layout(time, answer, { size, revision }),
      yaxis: {
        title: { text: `Change of the ${adjusted ? "adjusted " : ""}closing price (%)` },
        ...{ range: [bottom, top], uirevision: `${bottom} ${top}`, zeroline: true, nticks: 8 },
      },
    };
    const caption = `${timestack.days.between(view)}${since(series)}`;
    return { figure: { data, layout }, caption, days: view };
  }

  timestack.comparison = comparison;
})();
