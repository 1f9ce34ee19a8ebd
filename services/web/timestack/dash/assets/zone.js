// The time zone of the charts: UTC, or the reader's own, which the browser remembers. Plotly shows a
// text as it is (and a number by the browser's clock, whatever is chosen), so it is given what the
// clocks of the zone show as text. `shown` of an instant is that in milliseconds, and `instant` is the
// way back. Where the clocks go back, an hour is shown twice.
(() => {
  const dash = (window.dash_clientside ??= {});
  const timestack = (window.timestack ??= {});

  const KEPT = "timestack-zone";
  const MINUTE_MS = 60_000;
  const HOUR_MS = 3_600_000;
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const isUtc = (zone) => !zone || ["UTC", "Etc/UTC", "GMT", "Etc/GMT"].includes(zone);

  // Storage may be closed to the page.
  function remembered() {
    try {
      return localStorage.getItem(KEPT);
    } catch {
      return null;
    }
  }

  let isOwn = !isUtc(own) && remembered() === "own";

  const ahead = (time) => (isOwn ? -new Date(time).getTimezoneOffset() * MINUTE_MS : 0);
  const name = () => (isOwn ? own : "UTC");
  const shown = (time) => time + ahead(time);
  function instant(time) {
    // The second time with what holds there, unless the clocks jump over it.
    const near = time - ahead(time);
    return time - ahead(near);
  }

  const two = (number) => String(number).padStart(2, "0");

  // "1 Jan 2013 06:00", in the zone, with seconds where they are asked for.
  function written(time, withSeconds = false) {
    const date = new Date(shown(time));
    const clock = [date.getUTCHours(), date.getUTCMinutes()];
    if (withSeconds) clock.push(date.getUTCSeconds());
    const day = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
    return `${day} ${clock.map(two).join(":")}`;
  }

  // "1 Jan 2013 06:00 to 30 Dec 2013 23:00 UTC"; with seconds, of less than an hour.
  function between(start, end) {
    const isShort = end - start < HOUR_MS;
    return `${written(start, isShort)} to ${written(end, isShort)} ${name()}`;
  }

  // As Plotly has a time: "2013-01-01 06:00:00", with parts of a second where there are some.
  const plotted = (time) =>
    new Date(shown(time)).toISOString().replace("T", " ").replace("Z", "").replace(".000", "");
  // And back: what Plotly says of an axis.
  const parsed = (text) => {
    const [day, clock = "00:00"] = String(text).split(/[ T]/);
    return instant(Date.parse(`${day}T${clock}Z`));
  };

  function foot() {
    const text = isOwn ? `Times in charts are ${own}; all others are UTC` : "All times are UTC";
    const place = document.getElementById("times");
    if (place) place.textContent = text;
  }

  Object.assign((dash.timestack ??= {}), {
    // The buttons of a page: its zones, and the one that was chosen last.
    zones() {
      foot();
      const place = document.getElementById("zones");
      if (place) place.hidden = isUtc(own);
      const options = [
        { label: "UTC", value: "utc" },
        { label: own.replaceAll("_", " "), value: "own" },
      ];
      return [options, isOwn ? "own" : "utc"];
    },

    zoned(chosen) {
      if (isOwn === (chosen === "own")) return;
      isOwn = chosen === "own";
      try {
        localStorage.setItem(KEPT, chosen);
      } catch {
        // Then it holds for this page.
      }
      foot();
      dash.timestack.repaint();
    },
  });

  timestack.zone = { name, isUtc: () => !isOwn, shown, instant, written, between, plotted, parsed };
})();
