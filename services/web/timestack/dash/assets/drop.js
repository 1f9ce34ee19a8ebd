// The card of the Datasets page that takes a file (datasets/upload.py): chosen or dropped, its progress,
// and cancel. It is sent by upload.js, whatever page is shown meanwhile.
(() => {
  // Dash's renderer is loaded after this file and adds set_props to the same object.
  const dash = (window.dash_clientside ??= {});
  const KINDS = ".csv,.gz,.parquet,.tsv,.txt";
  // The rate is that of the last seconds.
  const MEMORY_MS = 5_000;

  // What is on its way: {file, sent, marks, turn, waits}; and what became of the last one.
  let current = null;
  let fault = "";

  const at = (id) => document.getElementById(id);

  // As domains/operations/words.py writes them.
  function size(bytes) {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let [number, unit] = [bytes, 0];
    while (number >= 999.5 && unit < units.length - 1) [number, unit] = [number / 1000, unit + 1];
    return `${Number(number.toPrecision(3))} ${units[unit]}`;
  }

  function lasting(seconds) {
    if (seconds < 60) return `${Math.ceil(seconds)} s`;
    if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
    return `${(seconds / 3600).toFixed(1)} h`;
  }

  // Bytes a second; null before there is one.
  function rate({ marks }) {
    if (marks.length < 2) return null;
    const [[begun, before], [now, sent]] = [marks[0], marks.at(-1)];
    return now - begun > 500 && sent > before ? ((sent - before) * 1000) / (now - begun) : null;
  }

  function render() {
    if (!at("upload")) return;
    at("upload-drop").hidden = current !== null;
    at("upload-progress").hidden = current === null;
    at("upload-fault").textContent = fault;
    if (current === null) return;
    const { file, sent, waits } = current;
    const percent = `${Math.floor((sent / file.size) * 100)}%`;
    const speed = rate(current);
    const parts = [`${size(sent)} of ${size(file.size)}`];
    if (speed && !waits) parts.push(`${size(speed)}/s`, `${lasting((file.size - sent) / speed)} left`);
    at("upload-name").textContent = file.name;
    at("upload-bar").style.width = percent;
    at("upload-track").setAttribute("aria-valuenow", parseInt(percent, 10));
    at("upload-percent").textContent = percent;
    at("upload-rate").textContent = waits || parts.join(", ");
  }

  async function send(file) {
    fault = "";
    const turn = new AbortController();
    current = { file, sent: 0, marks: [], turn, waits: "" };
    render();
    try {
      const id = await timestack.upload(file, {
        signal: turn.signal,
        progress(sent) {
          const now = performance.now();
          const marks = current.marks.filter(([then]) => now - then < MEMORY_MS);
          Object.assign(current, { sent, marks: [...marks, [now, sent]], waits: "" });
          render();
        },
        waiting(sentence, seconds) {
          Object.assign(current, { waits: `${sentence} Going on in ${seconds} s.`, marks: [] });
          render();
        },
      });
      current = null;
      // Who went elsewhere meanwhile is not taken away from there: the list has a link to it.
      if (at("upload")) dash.set_props("url", { search: `?upload=${id}` });
    } catch (failure) {
      current = null;
      fault = turn.signal.aborted ? "" : failure.message;
      render();
      at("upload-choose")?.focus();
      // What is left of it is among the reader's files, or is no more.
      if (at("upload")) dash.set_props("datasets-asked", { data: Date.now() });
    }
  }

  function take(files) {
    if (!files?.length) return;
    if (files.length > 1) {
      fault = "One file at a time: each becomes a dataset of its own.";
      render();
    } else {
      send(files[0]);
    }
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#upload-choose")) {
      const input = Object.assign(document.createElement("input"), { type: "file", accept: KINDS });
      input.addEventListener("change", () => take(input.files));
      input.click();
    } else if (event.target.closest?.("#upload-cancel")) {
      current?.turn.abort();
    }
  });

  // Wherever it is dropped on the page: beside the card the browser would open it instead.
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const place = at("upload-drop");
      if (!place || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      const leaves = kind === "drop" || (kind === "dragleave" && !event.relatedTarget);
      place.classList.toggle("ts-over", !leaves);
      if (kind === "drop" && current === null) take(event.dataTransfer.files);
    });
  }

  // What is closed now goes on when the same file is chosen again.
  window.addEventListener("beforeunload", (event) => {
    if (current !== null) event.preventDefault();
  });

  // The card is made again when the page is shown again.
  let card = null;
  new MutationObserver(() => {
    const there = at("upload");
    if (there !== card && (card = there)) render();
  }).observe(document, { childList: true, subtree: true });
})();
