// Dialogs (datasets/dialog.py): the browser's own, which keeps the focus in it, closes by Escape and
// gives the focus back. What its form asks for goes where the page's buttons ask (jobs.js).
(() => {
  // Dash's renderer is loaded after this file and adds set_props to the same object.
  const dash = (window.dash_clientside ??= {});
  let turn = 0;

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-dialog]");
    if (button) {
      const dialog = document.getElementById(button.dataset.dialog);
      dialog?.showModal();
      dialog?.querySelector("input")?.select();
    } else if (event.target.closest?.("[data-close]") || event.target.matches?.("dialog[open]")) {
      // What is beside its form is the dialog's own backdrop.
      event.target.closest("dialog").close();
    }
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset?.ask) return;
    event.preventDefault();
    turn += 1;
    const { page } = form.closest("[data-page]").dataset;
    const asked = { ...JSON.parse(form.dataset.ask), ...Object.fromEntries(new FormData(form)) };
    form.closest("dialog")?.close();
    dash.set_props(`${page}-action`, { data: { ...asked, turn: `form ${turn}` } });
  });
})();
