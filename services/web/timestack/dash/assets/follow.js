// Charts that are live. While its switch is on and its tab is seen, a chart asks every few seconds for
// what is new, with short requests that hold no thread between them: from its last points on, at the
// resolution that it shows. Some may have been corrected meanwhile, and a bucket that fills changes
// until it is full. Dash calls the functions at the end by name.
(() => {
  // Dash's renderer is loaded after this file and adds no_update and set_props to the same object.
  const dash = (window.dash_clientside ??= {});
  const timestack = (window.timestack ??= {});

  const PACE_MS = 5_000;
  // Between two attempts to reach a server that is away, after some.
  const SLOWEST_MS = 30_000;
  // From when a hand lets go of a chart until its new range is known; see timestack.js.
  const REST_MS = 400;
  const MOST_POINTS = 2400;

  // Those that are live, by name.
  const following = new Map();
  // The one that a hand is on, and when it is thought to have let go.
  let held = null;
  let released;

  // "detail-live" -> "detail"
  const nameOf = ({ id }) => id.slice(0, id.lastIndexOf("-"));
  const caller = () => nameOf(dash.callback_context.inputs_list[0]);
  const isMoment = (range) => timestack.ranges.isMoment(range);
  const latest = (range) => timestack.ranges.latest(timestack.ranges.ends(range));
  const isAtEnd = (range, newest) => timestack.ranges.ends(range)[1] >= newest - 1000;

  function say(name, text, look, isPast = false) {
    const className = text ? `ts-chip ts-chip-${look}` : "";
    dash.set_props(`${name}-connection`, { children: text, className });
    dash.set_props(`${name}-newest`, { hidden: !isPast });
  }

  function later(name, wait) {
    const turn = following.get(name);
    if (!turn || turn.isAsking) return;
    clearTimeout(turn.timer);
    turn.timer = setTimeout(() => {
      // A chart that was drawn and is gone; one that comes has no switch in the document yet.
      const isGone = timestack.charts.get(name)?.isFresh && !document.getElementById(`${name}-live`);
      if (isGone) following.delete(name);
      // Whoever sees the tab again has it asked at once.
      else if (!document.hidden) follow(name, turn);
    }, wait);
  }

  function catchUp() {
    if (!document.hidden) for (const name of following.keys()) later(name, 0);
  }
  document.addEventListener("visibilitychange", catchUp);
  window.addEventListener("online", catchUp);

  document.addEventListener(
    "pointerdown",
    (event) => {
      clearTimeout(released);
      const graph = event.target.closest?.(".ts-plot");
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

  const instant = (time) => new Date(time).toISOString();

  // What is asked: what is new since when, in buckets of the width that is shown. Where there is
  // nothing to go on from, or the view is of the past and stays, only when the newest row was.
  function question({ parts, view, extent, range }) {
    const since = extent && !isMoment(range) ? timestack.parts.since(parts, view) : null;
    if (since === null) return { since, asked: { points: 1, ...(extent && { start: instant(extent[1]) }) } };
    const [{ bucket }] = parts;
    const width = bucket === null ? {} : { bucket: bucket / 1000 };
    return { since, asked: { start: instant(since), points: MOST_POINTS, ...width } };
  }

  // What is shown with what is new; null where too much is, or it is read at another resolution now.
  function continued(chart, since, answer, points) {
    const added = timestack.charts.decoded(answer, chart.skeleton);
    const [{ bucket }] = chart.parts;
    const extent = [chart.extent[0], Math.max(chart.extent[1], newestOf(answer))];
    const view = timestack.ranges.meant(chart.range, extent);
    const isFar = view[1] - chart.seenTo > (view[1] - view[0]) / 2;
    if (isFar || added.some((part) => part.bucket !== bucket)) return null;
    const parts = chart.parts.map((part, line) =>
      timestack.parts.only(
        timestack.parts.continued(part, since, added[line]),
        (time) => time + (bucket ?? 0) >= view[0],
      ),
    );
    return parts.some(({ time }) => time.length > 2 * points) ? null : { parts, view, extent };
  }

  // An answer ends just behind the newest row.
  const newestOf = ({ end }) => Date.parse(end);
  const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  function takeIn(name, chart, since, answer) {
    if (!answer.end) return;
    const { charts } = timestack;
    const newest = newestOf(answer);
    if (!chart.extent) {
      chart.extent = [Date.parse(answer.start), newest];
      charts.load(name);
      return;
    }
    if (since === null) {
      if (newest <= chart.extent[1]) return;
      chart.extent = [chart.extent[0], newest];
      // The slider reaches what is new; a view of the past stays.
      if (isMoment(chart.range)) charts.draw(name);
      else charts.load(name);
      return;
    }
    const now = continued(chart, since, answer, charts.width(name));
    if (now === null) {
      chart.extent = [chart.extent[0], Math.max(chart.extent[1], newest)];
      charts.load(name);
    } else if (!isSame([now.parts, now.view], [chart.parts, chart.view])) {
      Object.assign(chart, now);
      charts.draw(name);
    }
  }

  function news({ parts, extent }) {
    if (!extent) return "no readings yet";
    return timestack.words.news(extent[1], timestack.parts.usualStep(parts[0]));
  }

  async function follow(name, turn) {
    const chart = timestack.charts.get(name);
    if (!chart?.isFresh) return later(name, REST_MS);
    const { range, skeleton } = chart;
    const what = question(chart);
    turn.isAsking = true;
    let answer;
    try {
      answer = await timestack.request(`${name} tail`, timestack.charts.address(skeleton.series, what.asked));
    } catch (failure) {
      turn.isAsking = false;
      if (following.get(name) === turn) missed(name, turn, failure);
      return;
    }
    turn.isAsking = false;
    if (answer === null || following.get(name) !== turn) return;
    turn.failures = 0;
    if (isMoment(range)) say(name, "Paused while you look at the past", "info", true);
    else say(name, "Live", "ok");
    // Of another choice or range by now, it is asked for again.
    if (timestack.charts.get(name) === chart && held !== name) {
      takeIn(name, chart, what.since, answer);
      timestack.charts.mark(name);
    }
    dash.set_props(`${name}-news`, { children: news(chart) });
    later(name, PACE_MS);
  }

  function missed(name, turn, { status }) {
    if (status >= 400 && status < 500 && status !== 429) {
      following.delete(name);
      say(name, "Stopped", "warn");
      return;
    }
    say(name, "Reconnecting", "warn");
    const wait = Math.min(PACE_MS * 1.5 ** turn.failures, SLOWEST_MS);
    turn.failures += 1;
    // Not all at once, when a server comes back.
    later(name, wait * (0.75 + Math.random() / 2));
  }

  // See static/trouble.js: while a chart is live, that its bands do not come passes by itself.
  window.addEventListener("timestack:failed", (event) => {
    const { what, status } = event.detail;
    const isPassing = status < 400 || status >= 500 || status === 429;
    if (isPassing && what.endsWith("-bands.data") && following.has(nameOf({ id: what }))) {
      event.preventDefault();
    }
  });

  Object.assign((dash.timestack ??= {}), {
    // The switch is on or off: when it is on, it is time to ask. By hand, it leads from the past to
    // what is new.
    live(isOn, range, skeleton) {
      const name = caller();
      clearTimeout(following.get(name)?.timer);
      following.delete(name);
      timestack.forget(`${name} tail`);
      if (!isOn) {
        say(name, null);
        dash.set_props(`${name}-news`, { children: null });
        return dash.no_update;
      }
      following.set(name, { failures: 0, isAsking: false });
      const isByHand = dash.callback_context.triggered.length > 0;
      const newest = timestack.charts.get(name)?.extent?.[1] ?? Date.parse(skeleton?.extent?.[1]);
      if (isMoment(range) && newest && (isByHand || isAtEnd(range, newest))) {
        dash.set_props(`${name}-range`, { data: latest(range) });
      }
      later(name, 0);
      return dash.no_update;
    },

    // The way back from the past.
    newest(_, range) {
      if (isMoment(range)) dash.set_props(`${caller()}-range`, { data: latest(range) });
    },
  });

  Object.assign(timestack, {
    // A chart shows another range: if it is live, it is time to ask.
    soon: (name) => later(name, 0),

    // The chart that a hand is on.
    held: () => held,

    // What a chart was moved to, as a range: one that ends at the newest row goes on to do so while
    // the chart is live.
    latest(name, range) {
      const newest = timestack.charts.get(name)?.extent?.[1];
      const isEnd = following.has(name) && isMoment(range) && isAtEnd(range, newest);
      return isEnd ? latest(range) : range;
    },
  });
})();
