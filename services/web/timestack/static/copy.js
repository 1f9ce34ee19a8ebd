// Buttons that copy the text of the element they name, or the address of the page where they name
// none. They need this script to do so, so it shows those that are there from the beginning.
(() => {
  const AGAIN_MS = 3_000;

  for (const button of document.querySelectorAll("button[data-copies]")) button.hidden = false;

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button[data-copies]");
    if (!button || button.dataset.label) return;
    const id = button.dataset.copies;
    const text = id ? document.getElementById(id).textContent : window.location.href;
    await navigator.clipboard.writeText(text);
    button.dataset.label = button.textContent;
    button.textContent = "Copied";
    if (id) return;
    setTimeout(() => {
      button.textContent = button.dataset.label;
      delete button.dataset.label;
    }, AGAIN_MS);
  });
})();
