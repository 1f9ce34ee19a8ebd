// Asking the API (`GET /api/v1/...`, by the cookie of the session) for what a part of a page draws.
//
//   timestack.ask("candles", url, (answer) => draw(answer));
//
// `timestack.ask(name, url, draw, refused)` gives `draw` the JSON of the answer. To ask again by the same name
// ends the request before it, so the last one wins. While it waits for more than 200 ms the element
// `<name>-busy` is shown; a failure is shown in `<name>-fault` until an answer comes, with a button to
// try again, and leaves what is drawn as it was. Nothing is asked again by itself. `refused` is called
// of a failure, and may return what the button does instead. states.asking(name) makes both elements.
//
// `timestack.request(name, url)` is the same but shows nothing: it gives null where it was asked
// again, and throws a timestack.Failure with `status` (0: no answer) and the sentence as `message`.
// `timestack.forget(name)` ends a request without another one.
(() => {
  const PATIENCE_MS = 200;
  // Longer than the server takes for any answer.
  const DEADLINE_MS = 60_000;
  const SILENT = "The server does not answer. It may be starting, or the connection broke.";
  // What an answer without a sentence of its own means, such as one of the proxy.
  const SENTENCES = {
    0: SILENT,
    401: "You are logged out.",
    403: "You may not see this.",
    429: "Too many requests. Wait a moment, then try again.",
    502: SILENT,
    503: SILENT,
    504: SILENT,
  };
  const OTHER = "The server failed to answer.";

  class Failure extends Error {
    constructor(status, problem = {}) {
      super(problem.detail ?? SENTENCES[status] ?? OTHER);
      this.status = status;
      this.requestId = problem.request_id;
    }
  }

  // Name -> what ends its request.
  const asked = new Map();

  const read = async (answer) => {
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Failure(answer.status, body);
    return body;
  };

  async function request(name, url) {
    forget(name);
    const turn = new AbortController();
    asked.set(name, turn);
    const signal = AbortSignal.any([turn.signal, AbortSignal.timeout(DEADLINE_MS)]);
    const headers = { Accept: "application/json" };
    try {
      const answer = await read(await fetch(url, { headers, signal }));
      if (turn.signal.aborted) return null;
      timestack.trouble?.(name, 200);
      return answer;
    } catch (error) {
      if (turn.signal.aborted) return null;
      const failure = error instanceof Failure ? error : new Failure(0);
      // See static/trouble.js: it offers to log in.
      if (failure.status === 401) timestack.trouble?.(name, 401);
      throw failure;
    } finally {
      if (asked.get(name) === turn) asked.delete(name);
    }
  }

  function forget(name) {
    asked.get(name)?.abort();
    asked.delete(name);
  }

  function hide(id, isHidden) {
    const element = document.getElementById(id);
    if (element) element.hidden = isHidden;
  }

  function explain(name, failure, again) {
    const place = document.getElementById(`${name}-fault`);
    if (!place) return;
    const text = document.createElement("span");
    const id = failure.requestId ? ` Request id: ${failure.requestId}` : "";
    text.textContent = `${failure.message}${failure.status >= 500 ? id : ""}`;
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "btn btn-sm btn-outline-primary" });
    button.textContent = "Try again";
    button.addEventListener("click", again);
    place.replaceChildren(text, button);
    place.hidden = false;
  }

  async function ask(name, url, draw, refused = () => null) {
    const late = setTimeout(() => hide(`${name}-busy`, false), PATIENCE_MS);
    let answer = null;
    try {
      answer = await request(name, url);
      if (answer !== null) hide(`${name}-fault`, true);
    } catch (failure) {
      explain(name, failure, refused() ?? (() => ask(name, url, draw, refused)));
    } finally {
      clearTimeout(late);
      // Unless another one of the name goes on.
      if (!asked.has(name)) hide(`${name}-busy`, true);
    }
    if (answer !== null) draw(answer);
  }

  const timestack = (window.timestack ??= {});
  Object.assign(timestack, { ask, request, forget, Failure });
})();
