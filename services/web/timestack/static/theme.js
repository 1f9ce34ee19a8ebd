// Tells Bootstrap which of its two looks the reader's system asks for. Loaded in <head>, before
// the first paint; timestack.css follows the system by itself, with or without this.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    document.documentElement.dataset.bsTheme = dark.matches ? "dark" : "light";
  };
  dark.addEventListener("change", apply);
  apply();
})();
