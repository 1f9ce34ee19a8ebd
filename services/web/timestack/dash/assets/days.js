// The layout of charts over trading days: where the ticks of the axis are, which days it leaves out.
// Times are milliseconds since 1970 in UTC: a day has no zone.
(() => {
  const timestack = (window.timestack ??= {});

  const MINUTE_MS = 60_000;
  const DAY_MS = 86_400_000;
  const WEEK_MS = 7 * DAY_MS;
  const SUNDAY = 0;
  const SATURDAY = 6;
  // More stretches without a row than these are no holidays.
  const MOST_BREAKS = 60;
  const TICK_PX = 64;

  const named = (options) => {
    const format = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
    return (time) => format.format(time);
  };
  const written = named({ day: "numeric", month: "short", year: "numeric" });
  const short = named({ day: "numeric", month: "short" });
  const month = named({ month: "short" });
  const iso = (time) => new Date(time).toISOString().slice(0, 10);
  // As Plotly is to have it: a number it shows by the browser's clock.
  const text = (time) => new Date(time).toISOString().slice(0, 16).replace("T", " ");

  const weekday = (day) => new Date(day * DAY_MS).getUTCDay();
  const isWeekend = (day) => weekday(day) === SATURDAY || weekday(day) === SUNDAY;

  // The days without a row among some days, as Plotly leaves them out of an axis.
  function breaks(starts) {
    const traded = new Set(starts.map((time) => Math.floor(time / DAY_MS)));
    const rests = ![...traded].some(isWeekend);
    const runs = [];
    const last = Math.floor(starts.at(-1) / DAY_MS);
    for (let day = Math.floor(starts[0] / DAY_MS); day < last; day += 1) {
      if (traded.has(day) || (rests && isWeekend(day))) continue;
      const run = runs.at(-1);
      if (run?.end === day) run.end = day + 1;
      else runs.push({ start: day, end: day + 1 });
    }
    const closed = runs.map(({ start, end }) => ({ bounds: [iso(start * DAY_MS), iso(end * DAY_MS)] }));
    return [
      ...(rests ? [{ bounds: ["sat", "mon"] }] : []),
      ...(closed.length > MOST_BREAKS ? [] : closed),
    ];
  }

  const months = (count) => (time) => {
    const date = new Date(time);
    return Math.floor((date.getUTCFullYear() * 12 + date.getUTCMonth()) / count);
  };
  // What may get a tick, the finest first: bars that begin another day, week, month and so on.
  const STEPS = [
    [(time) => Math.floor(time / DAY_MS), short],
    // 1970 began on a Thursday.
    [(time) => Math.floor((time / DAY_MS + 3) / 7), short],
    ...[1, 3, 6].map((count) => [months(count), month]),
    ...[12, 24, 60, 120, 240, 600, 1200].map((count) => [months(count), () => ""]),
  ];

  // The ticks of bars that begin at some times, `half` of a bar after that; with the year where it is
  // another one than that of the tick before.
  function ticks(starts, half, width) {
    const most = Math.max(Math.floor(width / TICK_PX), 2);
    const steps = STEPS.map(([part, label]) => [
      // The first bar begins nothing but the view, unless each one is a step.
      starts.filter((time, index) => index && part(time) !== part(starts[index - 1])),
      label,
    ]);
    let [at, label] = steps.find(([found]) => found.length <= most) ?? [[], String];
    if (at.length === starts.length - 1) at = starts;
    if (!at.length) [at, label] = [starts.slice(0, 1), short];
    let year = null;
    const ticktext = at.map((time) => {
      const before = year;
      year = new Date(time).getUTCFullYear();
      const parts = year === before ? [label(time)] : [label(time), String(year)];
      return parts.filter(Boolean).join("<br>");
    });
    // Not exactly at a bar: above its values Plotly would have this text instead of its day.
    return { tickmode: "array", tickvals: at.map((time) => text(time + half + MINUTE_MS)), ticktext };
  }

  // The days of a view in words.
  function between(view) {
    const [first, last] = [view[0], view[1] - DAY_MS].map(written);
    return first === last ? first : `${first} to ${last}`;
  }

  // What is above the values of a bar, whose middle Plotly knows alone.
  function title(bucket) {
    if (bucket === null) return "%a %-d %b %Y";
    const weeks = bucket / WEEK_MS;
    return `${weeks === 1 ? "week of" : `${weeks} weeks around`} %-d %b %Y`;
  }

  // `starts` are those of all bars, `shown` of those that may get a tick.
  function axis({ starts, shown, bucket, view }, { whole }, { size, revision }) {
    const edges = [Date.parse(whole.first), Date.parse(whole.last) + DAY_MS];
    return {
      range: view.map(text),
      uirevision: revision,
      rangebreaks: bucket === null && starts.length > 1 ? breaks(starts) : [],
      hoverformat: title(bucket),
      minallowed: text(Math.min(edges[0], view[0])),
      maxallowed: text(Math.max(edges[1], view[1])),
      ...ticks(shown, (bucket ?? DAY_MS) / 2, size),
    };
  }

  // Without the value axes.
  const layout = (time, answer, view) => ({
    template: timestack.layout.template(),
    uirevision: view.revision,
    showlegend: true,
    // The values of the volume as well.
    hoversubplots: "axis",
    hoverlabel: { align: "left" },
    xaxis: axis(time, answer, view),
  });

  timestack.days = { written, iso, text, between, layout };
})();
