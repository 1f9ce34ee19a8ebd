// Time charts as Plotly figures without a colour: colours.js gives them those of the look.
(() => {
  const timestack = (window.timestack ??= {});

  const MINUTE_MS = 60_000;

  // What ends before the view, what is in it, what begins after it.
  function around(outer, inner, [start, end]) {
    if (!outer) return [inner];
    const { only } = timestack.parts;
    const width = outer.bucket ?? 0;
    return [only(outer, (time) => time + width <= start), inner, only(outer, (time) => time >= end + 1)];
  }

  // The value axis of what is in view.
  function height(parts, [start, end]) {
    let low = Infinity;
    let high = -Infinity;
    for (const { time, min, max } of parts) {
      time.forEach((at, index) => {
        // An end is in whole milliseconds, a row may be some microseconds behind it.
        if (min[index] === null || at < start || at >= end + 1) return;
        low = Math.min(low, min[index]);
        high = Math.max(high, max[index]);
      });
    }
    return timestack.layout.height(low, high);
  }

  // What stands out over the whole height, and its thresholds as lines within it.
  function shapes(bands, [start, end]) {
    const { plotted } = timestack.zone;
    return bands.flatMap((each) => {
      const from = Math.max(Date.parse(each.start), start);
      const to = Math.min(each.end === null ? end : Date.parse(each.end), end);
      if (from > to) return [];
      const across = { x0: plotted(from), x1: plotted(to) };
      const label = { text: each.label, textposition: "top left", font: { size: 12 } };
      const line = { width: 1.5, dash: "dash" };
      return [
        {
          ...across,
          ...{ type: "rect", name: "band", yref: "y domain", y0: 0, y1: 1, layer: "below" },
          ...{ line: { width: 0 }, label },
        },
        ...each.levels.map((level) => ({
          ...across,
          ...{ type: "line", name: "threshold", y0: level, y1: level, line },
        })),
      ];
    });
  }

  // `hoverformat` of the times of parts.
  function clock(parts) {
    const steps = parts.map((part) => timestack.parts.usualStep(part) ?? MINUTE_MS);
    const seconds = Math.min(...steps) < MINUTE_MS ? ":%S" : "";
    return `%a %d %b %Y, %H:%M${seconds} ${timestack.zone.name()}`;
  }

  // The range in view, over a slider of the whole history. While `revision` and `moved` stay the same,
  // Plotly keeps the range that the reader has moved to meanwhile. `outer` are parts of the whole
  // history, so that moving shows something until the finer answer is there.
  function detail({ skeleton, parts, outer, view, extent, bands, revision, moved }) {
    const { plotted, name } = timestack.zone;
    const range = view.map(plotted);
    const [low, high] = height(parts, view);
    const whole = extent.map(plotted);
    const pieces = parts.map((inner, number) => around(outer?.[number], inner, view));
    return {
      data: timestack.traces(skeleton, pieces),
      layout: {
        template: timestack.layout.template(),
        uirevision: `${revision} ${name()}`,
        xaxis: {
          range,
          // Another one of the axes alone: the reader's mode, such as zoom, stays.
          uirevision: `${revision} ${name()} ${moved}`,
          minallowed: whole[0],
          maxallowed: whole[1],
          hoverformat: clock(parts),
          rangeslider: {
            visible: true,
            thickness: 0.14,
            borderwidth: 0,
            range: whole,
            yaxis: { rangemode: "auto" },
          },
        },
        // The height follows the data in view, whatever the reader did to the time axis.
        yaxis: {
          title: { text: skeleton.axis },
          range: [low, high],
          autorange: false,
          uirevision: `${revision} ${low} ${high}`,
        },
        shapes: shapes(bands, view),
      },
    };
  }

  // The whole history as one mean with minimum and maximum per day.
  function daily({ skeleton, parts, extent }) {
    const { plotted, name, isUtc } = timestack.zone;
    const days = "%a %d %b %Y (UTC)";
    return {
      data: timestack.traces(
        skeleton,
        parts.map((part) => [part]),
      ),
      layout: {
        template: timestack.layout.template(),
        dragmode: false,
        xaxis: {
          fixedrange: true,
          range: extent.map(plotted),
          hoverformat: isUtc() ? days : clock(parts),
          title: { text: `Time (${name()})` },
        },
        yaxis: { title: { text: skeleton.axis } },
      },
    };
  }

  timestack.figure = { detail, daily };
})();
