// Shows the reader of a dashboard when something did not arrive: a file of the page, or the answer
// to a callback, which Dash only writes to the console. Loaded in <head>, before what may fail; the
// message appears in the panel #trouble of the document (dash/shell.py).
(() => {
  // Longer than the server takes for any answer. Without it a spinner would turn for as long as
  // nothing comes.
  const DEADLINE_MS = 60_000;

  // Heading, advice and label of the link, by status; 0 is that of a request without an answer.
  const LOG_IN = "Log in";
  const SILENT = [
    "The server does not answer",
    "It may be starting, or the connection broke. Try again in a few seconds.",
    "Try again",
  ];
  const MESSAGES = {
    file: [
      "This page did not load completely",
      "A part of it did not arrive. The server may be starting, or the connection broke.",
      "Reload the page",
    ],
    0: SILENT,
    401: [
      "You are logged out",
      "What is shown here is not up to date. Log in to come back to this view.",
      LOG_IN,
    ],
    403: [
      "You may not see this",
      "What you may do has changed since this page was opened, or you need a new password first.",
      "Reload the page",
    ],
    429: ["Too many requests", "Wait a moment, then try again.", "Try again"],
    502: SILENT,
    503: SILENT,
    504: SILENT,
  };
  const OTHER = [
    "This page is not up to date",
    "What you chose no longer exists, or the server failed to show it.",
    "Reload the page",
  ];

  // Requests that failed: what was asked for -> the status.
  const failed = new Map();
  let incomplete = false;
  let leaving = false;

  function show(what) {
    const panel = document.getElementById("trouble");
    if (!panel) {
      document.addEventListener("DOMContentLoaded", () => show(what), { once: true });
      return;
    }
    const [heading, advice, label] = MESSAGES[what] ?? OTHER;
    const [title, text, way] = panel.children;
    title.textContent = heading;
    text.textContent = advice;
    way.textContent = label;
    // An empty address is the present one, with the choice that the reader has made.
    const here = encodeURIComponent(window.location.pathname + window.location.search);
    way.setAttribute("href", label === LOG_IN ? `${panel.dataset.login}?next=${here}` : "");
    panel.hidden = false;
  }

  // Also a file that is asked for later, such as the code of a chart.
  window.addEventListener(
    "error",
    (event) => {
      if (!event.target.matches?.("script, link[rel=stylesheet]")) return;
      incomplete = true;
      show("file");
    },
    true,
  );

  // Requests that are cancelled because the reader leaves the page are not failures.
  window.addEventListener("pagehide", () => (leaving = true));
  window.addEventListener("pageshow", () => (leaving = false));

  // A callback is known by its output, and is asked for again by the reader's next choice.
  const nameOf = (address, options) => (options?.body ? JSON.parse(options.body).output : address);

  // Whether somebody else shows it and asks again: a listener that prevents the default.
  const isCaredFor = (what, status) =>
    !window.dispatchEvent(
      new CustomEvent("timestack:failed", { cancelable: true, detail: { what, status } }),
    );

  function note(what, status) {
    if ((status >= 200 && status < 400) || isCaredFor(what, status)) failed.delete(what);
    else failed.set(what, status);
    // Another page: the requests of the one before no longer matter.
    if (what === "page.children" && !failed.has(what)) failed.clear();
    if (incomplete || leaving) return;
    if (failed.size) show([...failed.values()].at(-1));
    else document.getElementById("trouble").hidden = true;
  }

  // For whoever asks by other ways, such as dash/assets/ask.js.
  (window.timestack ??= {}).trouble = note;

  // How often each was asked for: the answer to an older request says nothing about a newer one.
  const turns = new Map();

  const fetchAny = window.fetch;
  window.fetch = async (resource, options) => {
    const address = String(resource.url ?? resource);
    if (!address.includes("/_dash-")) return fetchAny(resource, options);
    const what = nameOf(address, options);
    const turn = (turns.get(what) ?? 0) + 1;
    turns.set(what, turn);
    let status = 0;
    try {
      const signal = AbortSignal.timeout(DEADLINE_MS);
      const answer = await fetchAny(resource, { ...options, signal });
      // To its end: an answer that breaks off is a failure.
      await answer.clone().arrayBuffer();
      status = answer.status;
      return answer;
    } finally {
      if (turns.get(what) === turn) note(what, status);
    }
  };
})();
