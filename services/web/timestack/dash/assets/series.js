// Points as /api/v1/series answers them, taken apart. A part is points of one resolution:
// { time, min, mean, max, bucket }, arrays of one length, times in milliseconds since 1970 in UTC and
// `bucket` in milliseconds, null where each point is a row. A number is null where there is none.
(() => {
  const timestack = (window.timestack ??= {});

  // A step wider than this many usual ones is a hole in the data, and left open.
  const HOLE = 1.5;
  // Points that are read again while a chart is live: rows may come late or be corrected.
  const OVERLAP = 5;

  // Times as the API answers them, of so many points.
  function times({ unit, start, step, deltas }, count) {
    let at = start;
    return Array.from({ length: count }, (_, index) => {
      if (index) at += deltas ? deltas[index - 1] : step;
      return unit === "us" ? at / 1000 : at;
    });
  }

  // The part of each of some keys, such as { sensor_id: 1 }, in their order.
  function decoded(answer, keys) {
    const bucket = answer.bucket === null ? null : answer.bucket * 1000;
    const isOf = (key) => (series) =>
      Object.entries(key).every(([name, value]) => String(series.key[name]) === String(value));
    return keys.map((key) => {
      const { time, min, mean, max } = answer.series.find(isOf(key));
      return { time: times(time, mean.length), min, mean, max, bucket };
    });
  }

  // The time from one point to the next; null with less than two. Of rows, the lower quartile: clocks
  // that tremble do not move it, and neither do holes while a quarter of the steps has none.
  function usualStep({ time, bucket }) {
    if (bucket !== null || time.length < 2) return bucket;
    const steps = time.slice(1).map((each, index) => each - time[index]);
    return steps.sort((one, other) => one - other)[steps.length >> 2];
  }

  // Index of each first point of a stretch without a hole; also where clocks go back.
  function beginnings(part, shown) {
    const widest = HOLE * (usualStep(part) ?? Infinity);
    const { time } = part;
    const begins = (index) =>
      !index || time[index] - time[index - 1] > widest || shown(time[index]) < shown(time[index - 1]);
    return time.flatMap((_, index) => (begins(index) ? [index] : []));
  }

  function only(part, isWanted) {
    const kept = part.time.flatMap((time, index) => (isWanted(time) ? [index] : []));
    const of = (values) => kept.map((index) => values[index]);
    const { time, min, mean, max, bucket } = part;
    return { time: of(time), min: of(min), mean: of(mean), max: of(max), bucket };
  }

  // A part with what is new of it from a time on, in place of what was there.
  function continued(part, since, added) {
    const before = only(part, (time) => time < since);
    const joined = (name) => before[name].concat(added[name]);
    const names = ["time", "min", "mean", "max"];
    return { ...Object.fromEntries(names.map((name) => [name, joined(name)])), bucket: part.bucket };
  }

  // From when on parts are to be read again. One that is behind all others by half of what is in view
  // has ended, and does not hold them up.
  function since(parts, [start, end]) {
    const last = parts.map(({ time }) => time.slice(-OVERLAP));
    const recent = last.filter((times) => times.at(-1) >= (start + end) / 2);
    return recent.length ? Math.floor(Math.min(...recent.map(([first]) => first))) : null;
  }

  const count = (parts) => parts.reduce((sum, { time }) => sum + time.length, 0);

  const parts = { times, decoded, usualStep, beginnings, only, continued, since, count };
  timestack.parts = parts;
})();
