// Sending a large file in parts (docs/api.md, "Uploads"):
//
//   const id = await timestack.upload(file, { progress, waiting, signal });
//
// `progress(sent, size)` is called with the bytes that have arrived or are on their way,
// `waiting(sentence, seconds)` before each pause after a failure that may pass. It goes on where it
// broke off: after such a pause, and when the same file is given again, after the page was closed
// as well. An AbortSignal that is aborted ends it, and the server forgets the file. Whatever else
// fails throws a timestack.Failure (ask.js). `timestack.discard(id)` has the server forget one that
// is there and is not used.
(() => {
  const PAUSES_S = [1, 2, 5, 10, 20, 30, 60];
  // The proxy waits as long for a body.
  const DEADLINE_MS = 600_000;
  // Besides no answer, 5xx, and what says that another part was sent meanwhile.
  const PASSING = [0, 408, 409, 423, 429];
  const FULL = 507;

  const passes = ({ status }) => PASSING.includes(status) || (status >= 500 && status !== FULL);

  // Beside the pages that Dash tells its renderer of.
  function root() {
    const config = JSON.parse(document.getElementById("_dash-config").textContent);
    return `${config.requests_pathname_prefix.replace(/dash\/$/, "")}api/v1/uploads`;
  }

  function token() {
    const { csrfCookie } = document.getElementById("trouble").dataset;
    const found = document.cookie.split("; ").find((each) => each.startsWith(`${csrfCookie}=`));
    return found?.slice(csrfCookie.length + 1) ?? "";
  }

  // By XMLHttpRequest: fetch does not say how much of a body was sent.
  function send(method, url, { headers = {}, body = null, sent = () => {}, signal } = {}) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const abort = () => request.abort();
      request.open(method, url);
      request.timeout = DEADLINE_MS;
      const all = { Accept: "application/json", "X-CSRFToken": token(), ...headers };
      for (const [name, value] of Object.entries(all)) request.setRequestHeader(name, value);
      request.upload.onprogress = ({ loaded }) => sent(loaded);
      request.onloadend = () => {
        signal?.removeEventListener("abort", abort);
        if (signal?.aborted) reject(signal.reason);
        else if (request.status >= 200 && request.status < 300) resolve(request);
        else {
          const retryAfter = request.status ? Number(request.getResponseHeader("Retry-After")) : 0;
          const failure = new timestack.Failure(request.status, read(request));
          reject(Object.assign(failure, { retryAfter }));
        }
      };
      signal?.addEventListener("abort", abort);
      request.send(body);
    });
  }

  function read(request) {
    try {
      return JSON.parse(request.responseText);
    } catch {
      return {};
    }
  }

  const pause = (seconds, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, 1000 * seconds);
      signal?.addEventListener("abort", () => resolve(clearTimeout(timer)), { once: true });
    });

  // Which upload a file is, for the next time that it is given. Some browsers keep nothing.
  const key = (file) => `timestack-upload:${file.name}:${file.size}:${file.lastModified}`;
  const kept = {
    get: (file) => attempt(() => localStorage.getItem(key(file))),
    set: (file, id) => attempt(() => localStorage.setItem(key(file), id)),
    drop: (file) => attempt(() => localStorage.removeItem(key(file))),
  };

  function attempt(action) {
    try {
      return action();
    } catch {
      return null;
    }
  }

  async function begun(file, signal) {
    const id = kept.get(file);
    try {
      if (id) return read(await send("GET", `${root()}/${id}`, { signal }));
    } catch (failure) {
      if (failure.status !== 404) throw failure;
    }
    const body = JSON.stringify({ name: file.name, size: file.size });
    const headers = { "Content-Type": "application/json" };
    const made = read(await send("POST", root(), { headers, body, signal }));
    kept.set(file, made.id);
    return made;
  }

  // Sends one part; returns where the next one begins.
  async function part(file, { id, offset, part: size }, progress, signal) {
    const answer = await send("PATCH", `${root()}/${id}`, {
      headers: {
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": String(offset),
      },
      body: file.slice(offset, offset + size),
      sent: (loaded) => progress(Math.min(offset + loaded, file.size), file.size),
      signal,
    });
    return Number(answer.getResponseHeader("Upload-Offset"));
  }

  async function whole(file, { progress, waiting, signal }) {
    // Null: to be asked.
    let state = null;
    let failures = 0;
    while (state === null || state.offset < file.size) {
      signal?.throwIfAborted();
      try {
        state ??= await begun(file, signal);
        progress(state.offset, file.size);
        if (state.offset < file.size) {
          state = { ...state, offset: await part(file, state, progress, signal) };
          failures = 0;
        }
      } catch (failure) {
        if (!passes(failure) || failures === PAUSES_S.length) throw failure;
        const seconds = Math.max(PAUSES_S[failures], failure.retryAfter);
        failures += 1;
        waiting(failure.message, seconds);
        await pause(seconds, signal);
        state = null;
      }
    }
    progress(file.size, file.size);
    return state.id;
  }

  async function upload(file, { progress = () => {}, waiting = () => {}, signal } = {}) {
    try {
      const id = await whole(file, { progress, waiting, signal });
      kept.drop(file);
      return id;
    } catch (failure) {
      const id = kept.get(file);
      if (signal?.aborted && id) {
        kept.drop(file);
        await discard(id);
      }
      throw failure;
    }
  }

  // It is deleted a day later where this does not arrive.
  const discard = (id) => send("DELETE", `${root()}/${id}`).catch(() => null);

  Object.assign((window.timestack ??= {}), { upload, discard });
})();
