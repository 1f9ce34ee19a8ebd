// The report of usage: draws the figures that are in the page as JSON, and keeps one up to date: by its
// button, and once a minute while the page is seen. A failure is a sentence, and leaves what is shown.
(() => {
  const MINUTE_MS = 60_000;
  const DEADLINE_MS = 30_000;
  const SILENT = "The server does not answer. It may be starting, or the connection broke.";
  const FAILED = "Something went wrong on our side. It has been logged.";
  const LOGGED_OUT = "You are logged out. Reload the page to log in.";

  const place = (name, part) => document.getElementById(`${name}-${part}`);
  const figures = document.querySelectorAll("script[data-figure]");
  const live = document.querySelector("[data-refresh]");

  for (const each of figures) {
    const { figure: name } = each.dataset;
    if (window.Plotly) window.timestack.usage.draw(place(name, "plot"), JSON.parse(each.textContent));
    else place(name, "plot").textContent = "The chart did not load. The table has its numbers.";
  }
  if (!live) return;

  const { refresh: url, name } = live.dataset;
  let asked = Date.now();
  let isBusy = false;

  function element(tag, className, ...children) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...children);
    return made;
  }

  // As templates/pages/report.html writes it.
  function line({ cells, key, note }, texts) {
    const row = document.createElement("tr");
    const [first, ...rest] = cells;
    const head = element("th", "");
    head.scope = "row";
    if (key !== null) {
      const swatch = element("span", "ts-swatch");
      swatch.dataset.key = key;
      head.append(swatch);
    }
    const called = Object.assign(element("bdi", "", first), { title: first });
    head.append(called, ...(note ? [" ", element("span", "ts-chip", note)] : []));
    row.append(head, ...rest.map((text, index) => element("td", index + 1 < texts ? "" : "ts-number", text)));
    return row;
  }

  function show({ about, rows, total, texts, plot }) {
    place(name, "about").textContent = about;
    const table = place(name, "table");
    table.hidden = !rows.length;
    table.tBodies[0].replaceChildren(...rows.map((each) => line(each, texts)));
    table.deleteTFoot();
    if (total) table.createTFoot().append(line(total, texts));
    window.timestack.usage.draw(place(name, "plot"), plot);
    const time = new Date().toISOString();
    const updated = place(name, "updated");
    updated.textContent = `Updated ${time.slice(11, 19)} UTC`;
    updated.dateTime = time;
  }

  async function ask() {
    try {
      const signal = AbortSignal.timeout(DEADLINE_MS);
      const answer = await fetch(url, { headers: { Accept: "application/json" }, signal });
      const body = await answer.json().catch(() => null);
      if (answer.ok && body) return show(body);
      if (answer.status === 401) return LOGGED_OUT;
      return body?.detail ?? (answer.status === 500 ? FAILED : SILENT);
    } catch {
      return SILENT;
    }
  }

  async function refresh() {
    if (isBusy) return;
    isBusy = true;
    asked = Date.now();
    live.setAttribute("aria-busy", "true");
    const fault = await ask();
    live.removeAttribute("aria-busy");
    isBusy = false;
    const told = place(name, "fault");
    told.textContent = fault ? `Not refreshed. ${fault}` : "";
    told.hidden = !fault;
  }

  live.addEventListener("click", refresh);
  setInterval(() => {
    if (!document.hidden) refresh();
  }, MINUTE_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - asked >= MINUTE_MS) refresh();
  });
})();
