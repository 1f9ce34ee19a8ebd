// A menu (timechart/download.py) closes as one does: by Escape, when something else gets the focus or
// is clicked, and when one of its links has been followed.
(() => {
  const opened = () => document.querySelectorAll(".ts-menu[open]");

  function closeOthers(event) {
    for (const menu of opened()) if (!menu.contains(event.target)) menu.open = false;
  }
  document.addEventListener("pointerdown", closeOthers);
  document.addEventListener("focusin", closeOthers);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of opened()) {
      if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
      menu.open = false;
    }
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(".ts-menu a");
    if (link) link.closest(".ts-menu").open = false;
  });
})();
