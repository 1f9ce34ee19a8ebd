// The dialog that adds a ticker (templates/dialogs/markets.html): it has a job take in a file that it
// sends, or fetch the prices, and follows it. It is not a part of what Dash renders, so that the page
// can be shown again below it. Who closes it while that goes on, finds it again.
(() => {
  const LOOK_MS = 1_000;
  // Between two looks while the server does not answer.
  const LATER_MS = 3_000;
  // What the API takes, and how many faults of a file are shown.
  const LARGEST = 16 * 1024 * 1024;
  const MOST_SHOWN = 10;

  // Dash's renderer is loaded after this file and adds set_props to the same object.
  const dash = (window.dash_clientside ??= {});

  // Symbol -> the ticker; what ends an addition before its job begins; where the job is that runs;
  // the last report.
  let known = new Map();
  let turn = null;
  let job = null;
  let report = null;

  const place = () => document.getElementById("add-ticker");
  const part = (name) => place().querySelector(`[data-part="${name}"]`);
  const field = (name) => part("form").elements[name];
  const pause = (wait) => new Promise((done) => setTimeout(done, wait));
  const count = (number) => number.toLocaleString("en");
  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const symbolOf = () => field("symbol").value.trim().toUpperCase();

  function made(tag, text) {
    const element = document.createElement(tag);
    element.textContent = text;
    return element;
  }

  // A text whose days do not break at their hyphens.
  function described(tag, text) {
    const element = document.createElement(tag);
    const parts = text.split(/(\d{4}-\d\d-\d\d)/);
    element.append(...parts.map((each, place) => (place % 2 ? made("time", each) : each)));
    return element;
  }

  function show(name) {
    for (const each of ["form", "busy", "done"]) part(each).hidden = each !== name;
    if (name !== "form") part("fault").hidden = true;
    const first = { form: "input", busy: "button", done: '[data-do="show"]' }[name];
    if (place().open) part(name).querySelector(first)?.focus();
  }

  function explain(failure) {
    show("form");
    const lines = (failure.faults ?? []).filter((each) => each.line);
    const list = document.createElement("ul");
    const said = lines.map(({ line, detail }) => `Line ${line} ${detail}.`);
    const more = said.length - MOST_SHOWN;
    if (more > 0) said.splice(MOST_SHOWN, more, `And ${more} more.`);
    list.append(...said.map((each) => made("li", each)));
    const text = made("p", lines.length ? "Nothing was written." : failure.message);
    part("fault").className = `ts-notice ts-notice-${failure.isWanted ? "info" : "bad"}`;
    part("fault").replaceChildren(text, ...(lines.length ? [list] : []));
    part("fault").hidden = false;
  }

  function say(text, fraction) {
    part("message").textContent = capital(text);
    const bar = place().querySelector("progress");
    if (fraction) bar.value = fraction;
    else bar.removeAttribute("value");
  }

  const wordsOf = {
    queued: ({ message }) => message || "waiting for a worker",
    running: ({ message, cancel_requested_at }) =>
      cancel_requested_at ? "cancelling: it ends at its next step" : message || "starting",
  };

  function cancelled() {
    const text = "It was cancelled, and nothing was written.";
    return Object.assign(new Error(text), { isWanted: true });
  }

  // What a job came to; throws what it failed with.
  async function followed(url) {
    for (;;) {
      const seen = await timestack.send(url).catch((failure) => {
        const { status } = failure;
        if (status >= 400 && status < 500 && status !== 429) throw failure;
        return null;
      });
      const { state, message, result, progress } = seen?.content ?? {};
      if (state === "succeeded") return result;
      if (state === "cancelled") throw cancelled();
      if (state === "failed") throw new Error(`Nothing was written: ${message}.`);
      if (seen) say(wordsOf[state](seen.content), progress);
      else say("the server does not answer; it is asked again");
      await pause(seen ? LOOK_MS : LATER_MS);
    }
  }

  // What a job made of it that is asked for at an address.
  async function worked(url, about) {
    const headers = { "Content-Type": "application/json" };
    job = (await timestack.send(url, JSON.stringify(about), headers)).location;
    if (turn.signal.aborted) await end();
    return followed(job);
  }

  // It has ended otherwise, or the next look says what is so.
  const end = () => timestack.send(`${job}/cancel`, "").catch(() => null);

  function fetched(about) {
    say("starting");
    return worked(place().dataset.fetch, about);
  }

  async function uploaded(about, file) {
    const doing = `uploading ${file.name}`;
    say(doing);
    if (file.size > LARGEST) throw new Error("The file has more than 16 MiB: compress it by gzip.");
    const begins = await file.slice(0, 1).arrayBuffer().catch(() => null);
    if (!begins) throw new Error("The file cannot be read: choose it again.");
    if (!begins.byteLength) throw new Error("The file is empty: choose another one.");
    const upload = await timestack.upload(file, {
      signal: turn.signal,
      progress: (sent, size) => say(doing, sent / size),
      waiting: (sentence, seconds) => say(`${sentence} Going on in ${seconds} s.`),
    });
    try {
      say(`reading ${file.name}`);
      return await worked(place().dataset.upload, { ...about, upload });
    } catch (failure) {
      timestack.discard(upload);
      throw failure;
    }
  }

  async function add() {
    const text = (name) => (known.has(symbolOf()) ? "" : field(name).value.trim());
    const about = { symbol: symbolOf(), name: text("name"), industry: text("industry") };
    turn = new AbortController();
    part("busy").querySelector("button").hidden = false;
    show("busy");
    try {
      const isFile = field("from").value === "file";
      report = await (isFile ? uploaded(about, field("file").files[0]) : fetched(about));
    } catch (failure) {
      explain(turn.signal.aborted && !job ? cancelled() : failure);
      return;
    } finally {
      job = null;
    }
    tell(report);
    part("form").reset();
    fit();
    // The page again, as it is: now its drop-downs know the ticker.
    const { pathname, search } = window.location;
    dash.set_props("route", { data: { path: pathname, search, width: window.innerWidth } });
  }

  function tell({ ticker, is_new, rows, added, first, last, duplicates, splits, ignored, adjusted }) {
    const { symbol, name, industry } = ticker;
    part("said").textContent = is_new
      ? `${name} was added as ${symbol}, in ${industry}.`
      : `${symbol} was there already, and is still ${name}, in ${industry}.`;
    const facts = {
      Days: `${count(rows)}, from ${first} to ${last}`,
      New: added === rows ? "all" : `${count(added)}; the others are now as given`,
      Splits: splits.map(({ day, ratio }) => `${ratio} on ${day}`).join(", ") || "none seen",
      Duplicates: duplicates ? `${count(duplicates)}, each with the same values` : "none",
      "Adjusted close": adjusted ? null : "not given: the close is taken",
      "Not read": ignored.join(", ") || null,
    };
    part("facts").replaceChildren(
      ...Object.entries(facts)
        .filter(([, value]) => value)
        .map(([name, value]) => {
          const pair = document.createElement("div");
          pair.append(made("dt", name), described("dd", value));
          return pair;
        }),
    );
    show("done");
  }

  // The fields that are needed for what is chosen.
  function fit() {
    const ticker = known.get(symbolOf());
    const isFile = field("from").value === "file";
    const need = (name, isNeeded) => {
      part(name).hidden = !isNeeded;
      for (const each of part(name).querySelectorAll("input")) each.disabled = !isNeeded;
    };
    need("new", !ticker);
    need("file", isFile);
    const text = "is there already: days are added, and those that it has are overwritten.";
    const said = ticker ? `${ticker.name}, in ${ticker.industry}, ${text}` : "";
    document.getElementById("add-known").textContent = said;
  }

  async function learn() {
    const seen = await timestack.send(`${place().dataset.tickers}?limit=1000`).catch(() => null);
    if (!seen) return;
    known = new Map(seen.content.items.map((each) => [each.symbol, each]));
    const industries = [...new Set(seen.content.items.map((each) => each.industry))].sort();
    const options = industries.map((each) => made("option", each));
    document.getElementById("add-industries").replaceChildren(...options);
    fit();
  }

  const actions = {
    open() {
      place().showModal();
      fit();
      learn();
    },
    async cancel() {
      part("busy").querySelector("button").hidden = true;
      say("cancelling");
      turn.abort();
      if (job) end();
    },
    again() {
      show("form");
      learn();
    },
    show() {
      const { symbol, industry } = report.ticker;
      place().close();
      dash.set_props("url", { search: `?${new URLSearchParams({ industry, ticker: symbol })}` });
    },
  };

  document.addEventListener("click", (event) => {
    const name = event.target.closest?.("[data-do]")?.dataset.do;
    if (place() && Object.hasOwn(actions, name ?? "")) actions[name]();
  });
  // What became of a job is still there when it ended meanwhile, and what was read is gone. The
  // event does not bubble.
  document.addEventListener(
    "close",
    ({ target }) => {
      if (target !== place() || !part("busy").hidden) return;
      part("fault").hidden = true;
      show("form");
    },
    true,
  );
  document.addEventListener("submit", (event) => {
    if (!place() || event.target !== part("form")) return;
    event.preventDefault();
    add();
  });
  for (const type of ["input", "change"]) {
    document.addEventListener(type, (event) => {
      if (!place()?.contains(event.target)) return;
      const { name, value } = event.target;
      if (type === "change" && name === "symbol") event.target.value = value.trim().toUpperCase();
      fit();
    });
  }
})();
