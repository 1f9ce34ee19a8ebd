// Tells the reader of a dashboard when something did not arrive: a file of the page, or the answer
// to a callback, which Dash writes to the console alone. Loaded in <head>, before whatever may fail;
// the words go into the panel #trouble of the document (dash/shell.py).
(() => {
  // Longer than the server takes over any answer. Without it a spinner would turn for as long as
  // nothing comes, not even a refusal.
  const DEADLINE_MS = 60_000;

  // Heading, advice and the way on; by status, where 0 is no answer at all.
  const LOG_IN = "Log in";
  const SILENT = [
    "The server does not answer",
    "It may be starting, or the connection broke. Try again in a few seconds.",
    "Try again",
  ];
  const TOLD = {
    file: [
      "This page did not load completely",
      "A part of it did not arrive. The server may be starting, or the connection broke.",
      "Reload the page",
    ],
    0: SILENT,
    401: [
      "You are logged out",
      "What is shown here is not up to date. Log in, and you come back to this view.",
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
    "The server no longer has what was chosen here, or failed over it.",
    "Reload the page",
  ];

  // Requests without an answer that was good: what was asked for -> the status.
  const failed = new Map();
  let incomplete = false;
  let leaving = false;

  function tell(what) {
    const panel = document.getElementById("trouble");
    if (!panel) {
      document.addEventListener("DOMContentLoaded", () => tell(what), { once: true });
      return;
    }
    const [heading, advice, label] = TOLD[what] ?? OTHER;
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
      tell("file");
    },
    true,
  );

  // What is on its way when the reader goes elsewhere is given up, and no trouble.
  window.addEventListener("pagehide", () => (leaving = true));
  window.addEventListener("pageshow", () => (leaving = false));

  // A callback is known by its output, and is asked for again by the reader's next choice.
  const nameOf = (address, options) => (options?.body ? JSON.parse(options.body).output : address);

  function note(what, status) {
    if (status >= 200 && status < 400) failed.delete(what);
    else failed.set(what, status);
    // Another page: what the one before waited for is gone with it.
    if (what === "page.children" && !failed.has(what)) failed.clear();
    if (incomplete || leaving) return;
    if (failed.size) tell([...failed.values()].at(-1));
    else document.getElementById("trouble").hidden = true;
  }

  // How often each was asked for: what an older request was answered says nothing of a newer one.
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
      // To its end: an answer that breaks off is none.
      await answer.clone().arrayBuffer();
      status = answer.status;
      return answer;
    } finally {
      if (turns.get(what) === turn) note(what, status);
    }
  };
})();
