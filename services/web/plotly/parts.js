// What our pages draw with: lines come with the core, the others are one each.
// Ref: https://github.com/plotly/plotly.js/blob/main/CUSTOM_BUNDLE.md
const Plotly = require("plotly.js/lib/core");

Plotly.register([
  require("plotly.js/lib/bar"),
  require("plotly.js/lib/candlestick"),
  require("plotly.js/lib/pie"),
  require("plotly.js/lib/treemap"),
]);

module.exports = Plotly;
