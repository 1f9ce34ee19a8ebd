// The lines of a time chart as Plotly traces without a colour, of parts of series (series.js). A line is
// two traces, the band from minimum to maximum and the mean on it; `meta` is the number of the line.
// Times are those of the reader's zone (zone.js).
(() => {
  const timestack = (window.timestack ??= {});

  // From this many points on, a thinner line keeps them apart.
  const DENSE = 600;

  function hover(part, index, unit) {
    const { number } = timestack.words;
    const mean = part.mean[index];
    if (mean === null) return null;
    const value = `<b>${number(mean)} ${unit}</b>`;
    if (part.bucket === null) return value;
    return `${value} mean, ${number(part.min[index])} to ${number(part.max[index])}`;
  }

  // One part does not run on into the next, which is of another resolution.
  function curve(parts, unit) {
    const { shown, plotted } = timestack.zone;
    const x = [];
    const y = [];
    const text = [];
    const gap = () => [x, y, text].forEach((each) => each.push(null));
    for (const part of parts.filter(({ time }) => time.length)) {
      const begins = new Set(timestack.parts.beginnings(part, shown));
      part.time.forEach((time, index) => {
        if (index && begins.has(index)) gap();
        x.push(plotted(time));
        y.push(part.mean[index]);
        text.push(hover(part, index, unit));
      });
      gap();
    }
    // A point between two holes has no line to either side: it is a dot.
    const isGap = (index) => (y[index] ?? null) === null;
    const size = y.map((_, index) => (isGap(index - 1) && isGap(index + 1) ? 5 : 0));
    return {
      x,
      y,
      text,
      mode: size.some((each, index) => each && !isGap(index)) ? "lines+markers" : "lines",
      line: { width: x.length > DENSE ? 1.25 : 1.75 },
      marker: { size, opacity: 1 },
    };
  }

  // Each stretch without a hole as a closed shape: there along the maximum, back along the minimum.
  function band(parts) {
    const { shown, plotted } = timestack.zone;
    const x = [];
    const y = [];
    for (const part of parts.filter(({ bucket }) => bucket !== null)) {
      const begins = timestack.parts.beginnings(part, shown);
      begins.forEach((begin, number) => {
        const end = begins[number + 1] ?? part.time.length;
        const there = [];
        for (let index = begin; index < end; index += 1) {
          if (part.min[index] !== null) there.push(index);
        }
        const back = there.toReversed();
        x.push(...[...there, ...back].map((index) => plotted(part.time[index])), null);
        y.push(...there.map((index) => part.max[index]), ...back.map((index) => part.min[index]), null);
      });
    }
    return { x, y, mode: "lines", line: { width: 0 }, fill: "toself", hoverinfo: "skip" };
  }

  function traces({ lines, unit }, parts) {
    const isOne = lines.length === 1;
    return lines.flatMap(({ label }, number) => {
      const drawn = curve(parts[number], unit);
      const called = timestack.layout.plain(label);
      return [
        {
          ...band(parts[number]),
          name: "minimum to maximum",
          showlegend: false,
          meta: number,
        },
        {
          ...drawn,
          line: { ...drawn.line, dash: timestack.layout.dash(number) },
          name: isOne ? `mean (${unit})` : called,
          hovertemplate: `${isOne ? "" : `${called}: `}%{text}<extra></extra>`,
          meta: number,
        },
      ];
    });
  }

  timestack.traces = traces;
})();
