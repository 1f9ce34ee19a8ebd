// What part of time a range means (timechart/ranges.py): a button's name, the seconds up to the newest
// row ("PT3600S"), or two instants ("<start>/<end>"). Times are milliseconds since 1970.
(() => {
  // Dash's renderer is loaded after this file and adds set_props to the same object.
  const dash = (window.dash_clientside ??= {});
  const timestack = (window.timestack ??= {});

  const DAY_MS = 86_400_000;
  const DAYS = { "1d": 1, "7d": 7 };

  const isMoment = (range) => Boolean(range?.includes("/"));
  const isButton = (range) => !isMoment(range) && !range.startsWith("PT");
  const ends = (range) => range.split("/").map((each) => Date.parse(each));

  // The same day and hour of the month before, or its last day where it has no such day.
  function monthBefore(time) {
    const date = new Date(time);
    const last = new Date(time);
    last.setUTCDate(0);
    last.setUTCDate(Math.min(date.getUTCDate(), last.getUTCDate()));
    return last.getTime();
  }

  // [start, end], both inclusive, counted back from the last row and within the extent.
  function meant(range, extent) {
    const [first, last] = widened(extent);
    if (isMoment(range)) {
      const [start, end] = ends(range);
      const within = [Math.max(start, first), Math.min(end, last)];
      // One that there is nothing of, such as that of another choice: all there is.
      return within[0] < within[1] ? within : [first, last];
    }
    const seconds = /^PT(\d+)S$/.exec(range);
    const start = seconds
      ? last - Number(seconds[1]) * 1000
      : range in DAYS
        ? last - DAYS[range] * DAY_MS
        : range === "1m"
          ? monthBefore(last)
          : first;
    return [Math.max(start, first), last];
  }

  const text = (time) => `${new Date(time).toISOString().slice(0, 19)}Z`;

  // Two instants as a range, and as one that ends at the newest row, whichever that is.
  const moment = ([start, end]) => `${text(start)}/${text(end)}`;
  const latest = ([start, end]) => `PT${Math.max(Math.round((end - start) / 1000), 1)}S`;

  // Of one instant no axis can be drawn: a day around it.
  const widened = ([first, last]) =>
    first < last ? [first, last] : [first - DAY_MS / 2, last + DAY_MS / 2];

  // What of a chart shows its range and what keeps it, as another one: a button that is pressed sets the
  // range as well.
  function choose(name, range) {
    dash.set_props(`${name}-preset`, { value: isButton(range) ? range : null });
    if (!isButton(range)) dash.set_props(`${name}-range`, { data: range });
  }

  timestack.ranges = { isMoment, ends, meant, moment, latest, widened, choose };
})();
