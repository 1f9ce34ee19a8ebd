// What was asked of the API, and what has come of it so far.

import { useCallback, useEffect, useState } from "react";

import { ask, Failure } from "./ask";

/** `busy`: an answer is shown while it is asked for again. */
export type Asked<T> =
  | { state: "loading" }
  | { state: "failed"; failure: Failure }
  | { state: "there"; answer: T; busy: boolean; at: Date };

type Result<T> = { url: string; turn: number } & ({ failure: Failure } | { answer: T; at: Date });

/**
 * The answer to `url`, and what asks for it again; `read` must stay the same.
 *
 * An answer to another address, or to an earlier time of asking, is dropped, and its request ended.
 * Without an address nothing is asked.
 */
export function useAsked<T>(
  url: string | null,
  read: (content: unknown) => T,
): [Asked<T>, () => void] {
  const [turn, setTurn] = useState(0);
  const [result, setResult] = useState<Result<T> | null>(null);

  useEffect(() => {
    if (url === null) return;
    const ends = new AbortController();
    const keep = (came: { failure: Failure } | { answer: T; at: Date }) => {
      if (!ends.signal.aborted) setResult({ url, turn, ...came });
    };
    ask(url, read, ends.signal).then(
      (answer) => keep({ answer, at: new Date() }),
      (failure) => keep({ failure: failure instanceof Failure ? failure : new Failure(200) }),
    );
    return () => ends.abort();
  }, [url, turn, read]);

  const again = useCallback(() => setTurn((before) => before + 1), []);
  if (result === null || result.url !== url) return [{ state: "loading" }, again];
  const busy = result.turn !== turn;
  if ("answer" in result) {
    return [{ state: "there", answer: result.answer, busy, at: result.at }, again];
  }
  return [busy ? { state: "loading" } : { state: "failed", failure: result.failure }, again];
}
