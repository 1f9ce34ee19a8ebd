// A chart in its place on a page, `<name>-graph`, by Plotly: made when there is something to draw, and
// as wide as its place from then on. Its picture has the names that are beside it on the page.
(() => {
  const timestack = (window.timestack ??= {});

  const CONFIG = { displaylogo: false, scrollZoom: false, doubleClick: "autosize" };
  const BUTTONS = ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d"];
  const TITLE_PX = 40;
  // Pixels of a picture per one on the page.
  const SCALE = 2;

  // Name -> what it shows, or will when Plotly is there.
  const shown = new Map();

  const chart = (name) => document.querySelector(`#${name}-graph .js-plotly-plot`);

  // What is on the page around a chart, within it: what it is called, and its lines.
  function pictured({ data, layout }, { title, unit }) {
    const text = timestack.layout.plain(unit ? `${title} (${unit})` : title);
    const isOne = data.filter((each) => each.showlegend !== false).length < 2;
    const { plot_bgcolor } = layout.template.layout;
    const named = isOne
      ? {
          title: { text, x: 0.01, yref: "container", y: 1, yanchor: "top", pad: { t: 12 }, font: { size: 16 } },
          margin: { t: TITLE_PX },
        }
      : { showlegend: true, legend: { title: { text, side: "top", font: { size: 16 } } } };
    // The slider is a control.
    const xaxis = { ...layout.xaxis, rangeslider: { visible: false } };
    return { data, layout: { ...layout, ...named, xaxis, paper_bgcolor: plot_bgcolor } };
  }

  function download(name) {
    const { _fullLayout, data, layout } = chart(name);
    const { names } = shown.get(name);
    const { width, height } = _fullLayout;
    const picture = { format: "png", filename: names.title, width, height, scale: SCALE };
    return window.Plotly.downloadImage(pictured({ data, layout }, names), picture);
  }

  const picture = (name) => ({
    name: "picture",
    title: "Download as a picture",
    icon: window.Plotly.Icons.camera,
    click: () => download(name),
  });

  const config = (name, isStill) =>
    isStill
      ? { ...CONFIG, displayModeBar: false }
      : { ...CONFIG, modeBarButtons: [[...BUTTONS, picture(name)]] };

  function made(name, place) {
    const chart = document.createElement("div");
    chart.style.height = "100%";
    place.replaceChildren(chart);
    const resized = new ResizeObserver(() => {
      // It ends with its place.
      if (chart.clientWidth && chart._fullLayout) window.Plotly.Plots.resize(chart);
    });
    return { chart, resized };
  }

  function draw(name) {
    const place = document.getElementById(`${name}-graph`);
    // The reader may have left the page meanwhile.
    if (!place) return;
    const { figure, isStill, moved } = shown.get(name);
    const { data, layout } = timestack.painted(figure);
    const before = chart(name);
    if (before) {
      // With a configuration, whose functions never equal those before, it would be made again as a
      // whole: what the reader clicks on meanwhile would be lost.
      window.Plotly.react(before, data, layout);
      return;
    }
    const { chart: fresh, resized } = made(name, place);
    window.Plotly.newPlot(fresh, data, layout, config(name, isStill));
    if (moved) fresh.on("plotly_relayout", (changes) => moved(name, changes));
    resized.observe(fresh);
  }

  // Show a figure without colours; `names` are { title, unit }. `moved` is called with the name and
  // Plotly's changes of the layout, when the reader zooms or drags; a still chart offers neither.
  timestack.plot = (name, figure, { names, isStill = false, moved = null }) => {
    const wanted = { figure, names, isStill, moved };
    shown.set(name, wanted);
    if (window.Plotly) draw(name);
    else {
      // It comes with the page, at its own time (static/start.js).
      const late = () => shown.get(name) === wanted && draw(name);
      document.getElementById("plotly").addEventListener("load", late, { once: true });
    }
  };
})();
