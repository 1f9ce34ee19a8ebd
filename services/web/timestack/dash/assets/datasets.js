// The Datasets page in the browser: the form of a file's columns, and when the page is to be made
// again. Dash calls these functions by name.
(() => {
  // Dash's renderer is loaded after this file and adds set_props to the same object.
  const dash = (window.dash_clientside ??= {});
  // A reader who types or goes through a list of options is not interrupted.
  const REST_MS = 300;
  // A chart has so many colours.
  const MOST_LINES = 6;
  let turn = 0;
  let resting = null;

  function ask(form, make) {
    clearTimeout(resting);
    turn += 1;
    const filled = Object.fromEntries(new FormData(form));
    dash.set_props("upload-filled", { data: { upload: form.dataset.make, filled, make, turn } });
  }

  for (const kind of ["input", "change"]) {
    document.addEventListener(kind, (event) => {
      const form = event.target.closest?.("form[data-make]");
      if (!form) return;
      clearTimeout(resting);
      resting = setTimeout(() => form.isConnected && ask(form, false), REST_MS);
    });
  }

  document.addEventListener("submit", (event) => {
    if (!event.target.dataset?.make) return;
    event.preventDefault();
    ask(event.target, true);
  });

  Object.assign((dash.timestack ??= {}), {
    // Another series was chosen: beyond six the chart would have none for it.
    fewer(chosen) {
      return chosen?.length > MOST_LINES ? chosen.slice(0, MOST_LINES) : dash.no_update;
    },

    // What the server found: parts that changed, another address, or that all is different now.
    redraw(seen, address) {
      if (JSON.stringify(seen?.address) !== JSON.stringify(address)) return;
      if (seen.go) {
        dash.set_props("url", { search: seen.go === "?" ? "" : seen.go });
      } else if (seen.again) {
        const { pathname: path, search } = window.location;
        dash.set_props("route", { data: { path, search, width: window.innerWidth } });
      } else {
        dash.timestack.draw(seen, address);
      }
    },
  });
})();
