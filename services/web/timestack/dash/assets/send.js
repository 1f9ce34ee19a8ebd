// Sending the API something that changes what it holds, by the cookie of the session.
//
// `timestack.send(url, body, headers)` posts a body and gives `{ content, location }`: the JSON of
// the answer, and the address that it leads to. Without a body it is a GET. Throws a
// timestack.Failure (ask.js) with `faults`, what a problem document lists of them.
(() => {
  // Longer than the server takes for any answer.
  const DEADLINE_MS = 60_000;

  const cookie = (name) =>
    document.cookie.split("; ").find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);

  function request(body, headers) {
    const all = { Accept: "application/json", ...headers };
    const signal = AbortSignal.timeout(DEADLINE_MS);
    if (body === undefined) return { signal, headers: all };
    const { csrfCookie } = document.getElementById("trouble").dataset;
    return { method: "POST", body, signal, headers: { ...all, "X-CSRFToken": cookie(csrfCookie) } };
  }

  async function send(url, body, headers) {
    const answer = await fetch(url, request(body, headers)).catch(() => null);
    if (!answer) throw new timestack.Failure(0);
    const content = await answer.json().catch(() => ({}));
    if (answer.ok) return { content, location: answer.headers.get("Location") };
    const { errors: faults = [] } = content;
    throw Object.assign(new timestack.Failure(answer.status, content), { faults });
  }

  Object.assign((window.timestack ??= {}), { send });
})();
