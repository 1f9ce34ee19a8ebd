// The figures of usage, on its page and in its report: what domains/usage/plots.py made, drawn by
// Plotly in the colours of the look, and on paper in those of paper.
//
// `timestack.usage.draw(place, figure)` draws in an element as large as it is; null empties it.
(() => {
  const timestack = (window.timestack ??= {});

  const CONFIG = { displayModeBar: false, doubleClick: false, showTips: false };
  // CSS pixels: as wide as A4 or Letter between margins, as high as leaves room for a table.
  const PAPER = { width: 640, height: 280 };
  const CLEAR = "#00000000";

  // Place -> figure.
  const shown = new Map();
  const paper = matchMedia("print");

  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--ts-${name}`).trim();

  // Of a key: one of the six, or of the others. A token is "#rrggbb"; Plotly takes "#rrggbbaa" as well.
  const colour = (key) => (key ? token(`chart-${key}`) : token("border-strong"));
  const faint = (key) => `${colour(key)}38`;

  const PAINTED = {
    pie: ({ meta }) => ({
      marker: { colors: meta.map(colour), line: { color: token("surface"), width: 2 } },
    }),
    treemap: ({ meta }) => ({
      root: { color: token("surface") },
      marker: {
        colors: meta.map((key) => (key === null ? token("surface-2") : faint(key))),
        line: { color: meta.map((key) => (key === null ? token("border") : colour(key))), width: 1 },
        depthfade: false,
        pad: { t: 24, l: 3, r: 3, b: 3 },
      },
      textfont: { color: token("text") },
      hoverlabel: { bgcolor: token("surface"), bordercolor: token("border-strong") },
    }),
    bar: ({ meta: [key] }) => ({ marker: { color: colour(key) } }),
  };

  function painted({ data, layout }) {
    const muted = token("text-muted");
    const axis = {
      fixedrange: true,
      automargin: true,
      gridcolor: token("grid"),
      zerolinecolor: muted,
      tickfont: { color: muted, size: 12 },
    };
    const title = { font: { color: muted, size: 12 }, standoff: 8, ...layout.yaxis?.title };
    return {
      data: data.map((each) => ({ ...each, ...PAINTED[each.type](each) })),
      layout: {
        ...layout,
        xaxis: { ...axis, ...layout.xaxis },
        yaxis: { ...axis, ...layout.yaxis, title },
        paper_bgcolor: CLEAR,
        plot_bgcolor: CLEAR,
        font: { family: token("font"), size: 13, color: token("text") },
        hoverlabel: {
          align: "left",
          bgcolor: token("surface"),
          bordercolor: token("border-strong"),
          font: { size: 13, color: token("text") },
        },
        showlegend: false,
        dragmode: false,
        hovermode: "closest",
        uniformtext: { minsize: 11, mode: "hide" },
        ...(paper.matches ? PAPER : { autosize: true }),
      },
    };
  }

  function resize(place) {
    if (place._fullLayout && place.clientWidth && !paper.matches) window.Plotly.Plots.resize(place);
  }

  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) resize(target);
  });

  function paint(place) {
    const figure = shown.get(place);
    if (!figure || !place.isConnected) return;
    const { data, layout } = painted(figure);
    const isNew = !place._fullLayout;
    window.Plotly.react(place, data, layout, CONFIG);
    if (!isNew) return resize(place);
    // Tiles are not doors: what is in a project is seen already.
    if (data[0].type === "treemap") place.on("plotly_treemapclick", () => false);
    resized.observe(place);
  }

  function draw(place, figure) {
    shown.set(place, figure);
    place.hidden = !figure;
    for (const each of shown.keys()) if (!each.isConnected) shown.delete(each);
    if (window.Plotly) paint(place);
    // It comes with the page, at its own time.
    else document.getElementById("plotly")?.addEventListener("load", () => paint(place), { once: true });
  }

  const repaint = () => {
    for (const place of shown.keys()) paint(place);
  };
  paper.addEventListener("change", repaint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

  timestack.usage = { draw };
})();
