// Charts on paper: as wide as it is, and afterwards as wide as the window again.
(() => {
  // CSS pixels of A4 or Letter between its margins and those of a card.
  const PAPER = 640;

  const resize = (sizeOf) => {
    for (const chart of document.querySelectorAll(".js-plotly-plot")) {
      window.Plotly.relayout(chart, sizeOf(chart));
    }
  };

  window.addEventListener("beforeprint", () =>
    resize((chart) => ({ autosize: false, width: Math.min(PAPER, chart.clientWidth) })),
  );
  window.addEventListener("afterprint", () => resize(() => ({ autosize: true, width: null })));
})();
