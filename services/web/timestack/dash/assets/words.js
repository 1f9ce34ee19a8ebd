// What charts say: numbers, and the caption of how many points there are of what.
(() => {
  const timestack = (window.timestack ??= {});

  const SECOND_MS = 1000;
  const MINUTE_MS = 60_000;
  const HOUR_MS = 3_600_000;
  const DAY_MS = 86_400_000;
  const NAMED = new Map([
    [MINUTE_MS, "minutely"],
    [HOUR_MS, "hourly"],
    [DAY_MS, "daily"],
  ]);
  const UNITS = [
    ["d", DAY_MS],
    ["h", HOUR_MS],
    ["min", MINUTE_MS],
    ["s", 0],
  ];

  const decimals = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
  const whole = new Intl.NumberFormat("en");

  // Two decimals at most, and four digits of what is smaller than 1.
  const number = (value) =>
    Math.abs(value) < 1 ? String(Number(value.toPrecision(4))) : decimals.format(value);

  const two = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const four = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
  const dollars = (value) => (value === null ? "none" : (Math.abs(value) < 1 ? four : two).format(value));
  const percent = (value) =>
    value === null ? "unknown" : `${value < 0 ? "−" : "+"}${two.format(Math.abs(value))} %`;

  // "hourly" and the like where there is a word, else "every 3 h".
  function every(step) {
    if (NAMED.has(step)) return NAMED.get(step);
    const [unit, size] = UNITS.find(([, size]) => step >= size);
    return `every ${Number((step / (size || SECOND_MS)).toPrecision(3))} ${unit}`;
  }

  // What so many points are: "hourly readings", "points from the daily rollup". `levels` are the widths
  // of the rollups that a bucket may have been read from, in seconds.
  function noun(count, part, levels) {
    const { bucket } = part;
    if (bucket === null) {
      const step = timestack.parts.usualStep(part);
      if (!step) return count === 1 ? "reading" : "readings";
      // "hourly" precedes the noun, "every 3 h" follows it.
      return NAMED.has(step) ? `${every(step)} readings` : `readings, ${every(step)}`;
    }
    const fitting = levels.map((level) => level * SECOND_MS).filter((level) => bucket % level === 0);
    if (!fitting.length) return `points, ${every(bucket)}, from the readings`;
    const source = `from the ${every(Math.max(...fitting))} rollup`;
    return fitting.includes(bucket) ? `points ${source}` : `points, ${every(bucket)}, ${source}`;
  }

  // "365 points from the daily rollup, 1 Jan 2013 06:00 to ... UTC", of the parts of all lines.
  function caption(parts, levels, view) {
    const count = timestack.parts.count(parts);
    const widest = parts.reduce((one, other) => (other.time.length > one.time.length ? other : one));
    const what = `${whole.format(count)} ${noun(count, widest, levels)}`;
    return `${what}, ${timestack.zone.between(...view)}`;
  }

  // When the newest row was, and whether none followed for longer than usual.
  function news(newest, step) {
    const at = timestack.zone.written(newest, true).replace(/:00$/, "");
    const isLate = Date.now() - newest > Math.max(3 * (step ?? MINUTE_MS), MINUTE_MS);
    const what = isLate ? "no new readings since" : "newest reading";
    return `${what} ${at} ${timestack.zone.name()}`;
  }

  timestack.words = { number, dollars, percent, noun, caption, news };
})();
