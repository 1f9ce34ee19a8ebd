// The Usage page in the browser: what is chosen becomes its address, and its figures are drawn by
// static/usage.js. Dash calls the functions by name.
(() => {
  // Dash's renderer is loaded after this file and adds no_update and set_props to the same object.
  const dash = (window.dash_clientside ??= {});
  const timestack = (window.timestack ??= {});

  const isPlain = (event) =>
    event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);

  const go = (address) => timestack.go(`?${new URLSearchParams(address)}`, document.activeElement?.id);

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(".ts-usage a[href^='?']");
    if (!link || !isPlain(event)) return;
    event.preventDefault();
    timestack.go(link.getAttribute("href"), link.id);
  });

  Object.assign((dash.timestack ??= {}), {
    choose_month(month, shown) {
      if (month && month !== shown?.month) go({ ...shown, month });
    },

    // Another account has other months: its newest.
    choose_account(account, shown) {
      if (account && account !== shown?.account) go({ account });
    },

    draw_usage(figures) {
      for (const [name, figure] of Object.entries(figures ?? {})) {
        timestack.usage.draw(document.getElementById(`${name}-plot`), figure);
      }
      return dash.no_update;
    },
  });
})();
