// Starts a dashboard (templates/dash.html) when its frame has been painted: running what draws it takes
// longer than showing its title, and before the first paint nobody would see either.
(() => {
  const wanted = document.getElementById("scripts").content.querySelectorAll("script");
  let started = false;

  function start() {
    if (started) return;
    started = true;
    let script;
    for (const each of wanted) {
      script = document.createElement("script");
      script.id = each.id;
      script.src = each.getAttribute("src");
      // One after the other, in their order, but for what nothing waits for from the start.
      script.async = each.hasAttribute("async");
      document.body.append(script);
    }
    script.addEventListener("load", () => new DashRenderer());
  }

  requestAnimationFrame(() => setTimeout(start));
  // A hidden tab paints nothing.
  if (document.hidden) start();
  document.addEventListener("visibilitychange", start, { once: true });
})();
