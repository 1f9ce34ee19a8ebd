// The Jobs page in the browser: when it looks again, and what its buttons and forms ask for. They
// are listened to at the document, since rows come and go. Dash calls look and filter by name.
(() => {
  // Dash's renderer is loaded after this file and adds no_update and set_props to the same object.
  const dash = (window.dash_clientside ??= {});

  // Each action is one of its own, even if the last one was the same.
  let turn = 0;

  const look = () => dash.set_props("jobs-asked", { data: Date.now() });

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && document.getElementById("jobs-running")) look();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-ask]");
    if (!button) return;
    turn += 1;
    dash.set_props("jobs-action", { data: { ...JSON.parse(button.dataset.ask), turn } });
  });

  document.addEventListener("submit", (event) => {
    const kind = event.target.dataset?.start;
    if (!kind) return;
    event.preventDefault();
    turn += 1;
    const filled = Object.fromEntries(new FormData(event.target));
    dash.set_props("jobs-start-asked", { data: { kind, filled, turn } });
  });

  // A form that came back with faults is read on from the first of them.
  new MutationObserver((changes) => {
    const form = document.getElementById("jobs-start");
    if (!form || !changes.some(({ target }) => form.parentElement.contains(target))) return;
    form.querySelector(".is-invalid")?.focus();
  }).observe(document, { childList: true, subtree: true });

  Object.assign((dash.timestack ??= {}), {
    // The clock ticked: look again, unless nobody sees it.
    look() {
      return document.hidden ? dash.no_update : Date.now();
    },

    // Another kind or state was chosen: that is another address, and a step that Back undoes.
    filter(kind, state) {
      const now = new URLSearchParams(window.location.search);
      const wanted = Object.entries({ kind, state }).filter(([, value]) => value !== "all");
      const query = new URLSearchParams(wanted);
      if (["kind", "state"].every((name) => now.get(name) === query.get(name))) return;
      dash.set_props("url", { search: `?${query}` });
    },
  });
})();
