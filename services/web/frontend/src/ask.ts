// One request to the API (`GET /api/v1/...`, by the cookie of the session).

import { Malformed, opened } from "./answers";

// Longer than the server takes for any answer, as in dash/assets/ask.js.
const DEADLINE_MS = 60_000;

const SILENT = "The server does not answer. It may be starting, or the connection broke.";
// What an answer without a sentence of its own means, such as one of the proxy.
const SENTENCES: Record<number, string> = {
  0: SILENT,
  401: "Log in to come back to what you chose.",
  403: "You may not see this.",
  429: "Too many requests. Wait a moment, then try again.",
  502: SILENT,
  503: SILENT,
  504: SILENT,
};
const OTHER = "The server failed to answer.";

/** A sentence for the reader; `status` is 0 where no answer came, 200 where it cannot be read. */
export class Failure extends Error {
  readonly status: number;

  constructor(status: number, sentence?: string) {
    super(sentence ?? SENTENCES[status] ?? OTHER);
    this.status = status;
  }
}

/**
 * What `read` makes of the content of the answer.
 *
 * Throws a Failure whatever goes wrong; whoever aborts `signal` does not look at it.
 */
export async function ask<T>(
  url: string,
  read: (content: unknown) => T,
  signal: AbortSignal,
): Promise<T> {
  const ends = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(url, { headers: { Accept: "application/json" }, signal: ends });
    text = await answer.text();
  } catch {
    throw new Failure(0);
  }
  if (!answer.ok) throw new Failure(answer.status, reason(text, answer.status));
  try {
    return read(opened(JSON.parse(text)));
  } catch (error) {
    const where = error instanceof Malformed ? `: ${error.message}` : "";
    throw new Failure(200, `The server's answer cannot be read${where}.`);
  }
}

/** The sentence of a refusal, with the request's id where the fault is the server's. */
function reason(text: string, status: number): string | undefined {
  // Of those that mean the same whoever says it, our own words.
  if (status === 401 || status === 429) return undefined;
  try {
    const { message, content } = JSON.parse(text);
    if (typeof message !== "string" || !message) return undefined;
    const id = status >= 500 ? content?.request_id : undefined;
    return typeof id === "string" ? `${message} Request id: ${id}` : message;
  } catch {
    return undefined;
  }
}
