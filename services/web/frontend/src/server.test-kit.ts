// A server for the tests of components: what it answers, and what was asked of it.

import { vi } from "vitest";

type Answer = { status?: number; body: string } | "silent" | "down";

export const envelope = (content: unknown): Answer => ({
  body: JSON.stringify({
    status: 200,
    success: true,
    message: "It was found.",
    contentType: "application/json",
    content,
  }),
});

export const refusal = (status: number, message: string): Answer => ({
  status,
  body: JSON.stringify({
    status,
    success: false,
    message,
    contentType: "application/problem+json",
    content: { request_id: "5f0c" },
  }),
});

/** Answers by path, with the query or without it; `silent` answers when the request is ended. */
export class Server {
  readonly asked: string[] = [];
  readonly ended: string[] = [];
  private readonly held = new Map<string, () => void>();

  constructor(readonly answers: Record<string, Answer>) {
    vi.stubGlobal("fetch", (url: string, options: RequestInit) => this.answer(url, options));
  }

  private async answer(url: string, { signal }: RequestInit): Promise<Response> {
    this.asked.push(url);
    const answer = this.answers[url] ?? this.answers[url.split("?")[0] ?? ""];
    if (answer === undefined) throw new Error(`nobody expected ${url}`);
    if (answer === "down") throw new TypeError("Failed to fetch");
    if (answer === "silent") {
      await new Promise<void>((go, stop) => {
        this.held.set(url, go);
        signal?.addEventListener("abort", () => {
          this.ended.push(url);
          stop(signal.reason);
        });
      });
      return this.answer(url, {});
    }
    return new Response(answer.body, { status: answer.status ?? 200 });
  }

  /** Let a silent address answer, this time and later. */
  speak(url: string, answer: Answer): void {
    this.answers[url] = answer;
    this.held.get(url)?.();
  }
}
