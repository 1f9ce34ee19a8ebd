// The Forecast page in the browser: its charts (course.js), what is chosen to be compared, and the day
// that the form proposes. Dash calls the functions at the end by name.
(() => {
  // Dash's renderer is loaded after this file and adds set_props to the same object.
  const dash = (window.dash_clientside ??= {});
  const timestack = (window.timestack ??= {});

  const DAY_MS = 86_400_000;
  // What is seen of the days before the test part, as a part of it.
  const BEFORE = 0.25;

  // What is drawn, and from when to when the price is shown; with a number for each button pressed.
  let course = null;
  let view = null;
  let turn = 0;

  const element = (part) => document.getElementById(`forecast-${part}`);

  function viewOf(span) {
    const at = timestack.course.times(course.allDays);
    const [first, begins, last] = [at[0], at[course.split], at.at(-1) + DAY_MS];
    return span === "all" ? [first, last] : [Math.max(first, begins - (last - begins) * BEFORE), last];
  }

  function plot(part, figure, title, unit, more = { isStill: true }) {
    timestack.plot(`forecast-${part}`, figure, { names: { title, unit }, ...more });
  }

  // The reader moved the price: its height follows what is in view.
  function moved(_, changes) {
    const ends = changes["xaxis.range"] ?? [0, 1].map((end) => changes[`xaxis.range[${end}]`]);
    if (changes["xaxis.autorange"]) view = viewOf("all");
    else if (ends.every(Boolean)) view = ends.map((end) => Date.parse(`${String(end).slice(0, 10)}T00:00Z`));
    else return;
    // Neither of the buttons says what is shown now.
    dash.set_props("forecast-span", { value: null });
    drawPrice();
  }

  function drawPrice() {
    const figure = timestack.course.price(course, view, `${course.symbol} ${turn} ${view}`);
    plot("price", figure, element("price-title").textContent, "US dollars", { moved });
  }

  function counted(found) {
    const buys = found.filter(({ from, to }) => to > from).length;
    const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
    const said = `${many(buys, "purchase")} and ${many(found.length - buys, "sale")}.`;
    return `${said} After the last close it would be ${timestack.course.after(course)}.`;
  }

  // What the marks say, to be read.
  function table(found) {
    const place = element("trades");
    if (!found.length) {
      place.textContent = "None.";
      return;
    }
    const made = document.createElement("table");
    made.className = "ts-sheet";
    const row = (kind, cells) => {
      const line = document.createElement("tr");
      for (const text of cells) {
        const cell = document.createElement(kind);
        cell.textContent = text;
        if (kind === "th") cell.scope = "col";
        line.append(cell);
      }
      return line;
    };
    const head = document.createElement("thead");
    head.append(row("th", ["Close of", "From", "To", "Price"]));
    const body = document.createElement("tbody");
    const { position } = timestack.course;
    for (const { time, from, to, price } of found) {
      const day = timestack.days.written(time);
      body.append(row("td", [day, position(from), position(to), timestack.words.dollars(price)]));
    }
    made.append(head, body);
    place.replaceChildren(made);
  }

  function drawOne() {
    const found = timestack.course.trades(course);
    drawPrice();
    element("price-caption").textContent = counted(found);
    table(found);
    const { profits, falls, lines } = timestack.course;
    plot("profit", lines(profits([course], course)), "Profit", "%");
    plot("fall", lines(falls(course)), "Drawdown", "%");
  }

  function drawSeveral() {
    const { profits, lines } = timestack.course;
    const held = course.held ? course.lines[0] : null;
    plot("profit", lines(profits(course.lines, held)), "Profit", "%");
    const note = held ? "" : "Buy-and-hold is in the table: it is not the same for all of them.";
    element("profit-caption").textContent = note;
  }

  // By id; what the reader has chosen stays when the list is drawn again.
  const picked = new Set();

  function mark() {
    const most = Number(element("picked")?.dataset.most ?? 0);
    for (const box of document.querySelectorAll("[data-pick]")) {
      const isChosen = picked.has(box.dataset.pick);
      box.setAttribute("aria-checked", isChosen);
      box.setAttribute("aria-disabled", !isChosen && picked.size >= most);
    }
    const link = element("compare");
    if (!link) return;
    link.hidden = picked.size < 2;
    link.href = `?${new URLSearchParams({ id: [...picked].join(",") })}`.replaceAll("%2C", ",");
    element("clear").hidden = picked.size === 0;
    const said = picked.size === 1 ? "One is chosen: choose another." : `${picked.size} are chosen.`;
    const none = `Choose up to ${most} forecasts to compare.`;
    element("picked").textContent = picked.size ? `${said}${picked.size === most ? " That is the most." : ""}` : none;
  }

  document.addEventListener("click", (event) => {
    if (event.target.id === "forecast-clear") {
      picked.clear();
      mark();
      return;
    }
    const box = event.target.closest?.("[data-pick]");
    if (!box || box.getAttribute("aria-disabled") === "true") return;
    const id = box.dataset.pick;
    if (!picked.delete(id)) picked.add(id);
    mark();
  });

  // Another ticker: its own ends, and its usual day unless the reader has chosen one.
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-ends]");
    if (!form || event.target.name !== "symbol") return;
    const ends = JSON.parse(form.dataset.ends);
    const field = form.elements.test_start;
    const [first, last, usual, said] = ends[event.target.value] ?? [];
    if (!first) return;
    const isUsual = Object.values(ends).some(([, , day]) => day === field.value);
    Object.assign(field, { min: first, max: last });
    if (isUsual) dash.set_props("start-test_start", { value: usual });
    element("ends").textContent = said;
  });

  Object.assign((dash.timestack ??= {}), {
    // One forecast or several are to be drawn, or the look is another one.
    forecast(given) {
      if (!given) return dash.no_update;
      if (course !== given) {
        course = given;
        turn += 1;
        view = given.allDays ? viewOf("test") : null;
      }
      if (given.lines) drawSeveral();
      else drawOne();
      return dash.no_update;
    },

    forecastSpan(span) {
      if (!course?.allDays || !span) return;
      turn += 1;
      view = viewOf(span);
      drawPrice();
    },

    // The list has come, as by the button Back.
    forecastPicked() {
      mark();
      return dash.no_update;
    },

    // The list as it is now; what was chosen is chosen still.
    forecasts(seen, address) {
      dash.timestack.draw(seen, address);
      mark();
    },
  });
})();
