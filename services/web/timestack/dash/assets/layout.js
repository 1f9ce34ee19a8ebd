// What the layouts of all charts have in common, without a colour: colours.js gives those of the look.
(() => {
  const timestack = (window.timestack ??= {});

  const AXIS = {
    showline: false,
    zeroline: false,
    tickfont: { size: 12 },
    title: { font: { size: 12 }, standoff: 8 },
    automargin: true,
  };
  const BASE = {
    autosize: true,
    font: { size: 13 },
    margin: { l: 8, r: 8, t: 8, b: 8 },
    showlegend: false,
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    hovermode: "x unified",
    hoverlabel: { font: { size: 13 } },
    dragmode: "pan",
    xaxis: {
      ...AXIS,
      type: "date",
      showgrid: false,
      ticks: "outside",
      ticklen: 4,
      showspikes: true,
      spikemode: "across",
      spikethickness: 1,
      spikedash: "solid",
    },
    yaxis: { ...AXIS, fixedrange: true, nticks: 6 },
  };
  // Lines are told apart without their colours as well: pixels of a dash, a gap, a dash and so on.
  const DASHES = ["solid", "9px,4px", "2px,3px", "9px,3px,2px,3px", "16px,5px", "16px,3px,2px,3px"];
  // Room above and below what is drawn, as a part of what it spans.
  const HEADROOM = 0.06;

  const template = () => ({ layout: structuredClone(BASE) });
  const dash = (number) => DASHES[number % DASHES.length];

  // A value axis from the lowest to the highest value, with headroom; not below 0 where none is.
  function height(low, high) {
    if (low > high) return [0, 1];
    const room = (high - low || Math.abs(high) || 1) * HEADROOM;
    return [low < 0 || low >= room ? low - room : 0, high + room];
  }

  // That of some numbers; a null is none.
  function span(values) {
    const numbers = values.filter((value) => value !== null);
    const least = numbers.reduce((one, other) => Math.min(one, other), Infinity);
    const most = numbers.reduce((one, other) => Math.max(one, other), -Infinity);
    return height(least, most);
  }

  // Plotly takes some of a text for markup, and of a template for its variables.
  const plain = (text) =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("%", "&#37;");

  // A chart that says why it is empty.
  function blank(text) {
    const axis = { visible: false };
    const place = { showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 };
    return {
      data: [],
      layout: { template: template(), xaxis: axis, yaxis: axis, annotations: [{ text, ...place }] },
    };
  }

  timestack.layout = { template, dash, height, span, plain, blank };
})();
