// Pages of lists in the browser, such as Jobs: when they look again, and what their buttons, links
// and forms ask for. They are listened to at the document, since rows come and go; `data-page` is
// what the page's stores are called after. Dash calls look and filter by name.
(() => {
  // Dash's renderer is loaded after this file and adds no_update and set_props to the same object.
  const dash = (window.dash_clientside ??= {});

  // Each action is one of its own, even if the last one was the same.
  let turn = 0;
  // The id of what gets the focus when the next address is shown.
  let next = null;

  function go(search, focus) {
    next = focus;
    dash.set_props("url", { search: search === "?" ? "" : search });
  }

  const isPlain = (event) =>
    event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-ask]");
    const link = event.target.closest?.("[data-page] a[href^='?']");
    if (button) {
      turn += 1;
      const { page } = button.closest("[data-page]").dataset;
      dash.set_props(`${page}-action`, { data: { ...JSON.parse(button.dataset.ask), turn } });
    } else if (link && isPlain(event)) {
      event.preventDefault();
      go(link.getAttribute("href"), "main");
      window.scrollTo(0, 0);
    }
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const kind = form.dataset?.start;
    if (!kind) return;
    event.preventDefault();
    // The job's, so that two clicks start one.
    const id = (form.dataset.job ??= crypto.randomUUID());
    const filled = Object.fromEntries(new FormData(form));
    turn += 1;
    const { page } = form.closest("[data-page]").dataset;
    dash.set_props(`${page}-start-asked`, { data: { kind, filled, id, turn } });
  });

  document.addEventListener("visibilitychange", () => {
    const page = document.querySelector("[data-page]")?.dataset.page;
    if (document.hidden || !page) return;
    dash.set_props(`${page}-asked`, { data: Date.now() });
  });

  // Dash makes what it shows again, and the focus is lost: it goes to the first fault of a form, to
  // the drop-down that was changed, or to the beginning of what a link led to.
  new MutationObserver(() => {
    if (document.activeElement !== document.body) return;
    const fault = document.querySelector("[data-start] .is-invalid");
    const wanted = fault ?? document.getElementById(next);
    next = null;
    wanted?.focus({ preventScroll: wanted.id === "main" });
  }).observe(document, { childList: true, subtree: true });

  // Show another address of the page, and then give the focus to what has an id.
  (window.timestack ??= {}).go = go;

  Object.assign((dash.timestack ??= {}), {
    // The clock ticked: look again, unless nobody sees it.
    look() {
      return document.hidden ? dash.no_update : Date.now();
    },

    // Another one was chosen of a drop-down, "jobs-kind" or the like: that is another address, and a
    // step that Back undoes.
    filter(...values) {
      const now = new URLSearchParams(window.location.search);
      const names = dash.callback_context.inputs_list.map(({ id }) => id.slice(id.indexOf("-") + 1));
      const wanted = names.map((name, index) => [name, values[index]]);
      const query = new URLSearchParams(wanted.filter(([, value]) => value !== "all"));
      if (names.every((name) => now.get(name) === query.get(name))) return;
      go(`?${query}`, document.activeElement?.id);
    },
  });
})();
