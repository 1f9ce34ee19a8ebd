// What the API answers, checked when it comes: the types of TypeScript are gone by then.

import { type Cents, cents } from "./money";

export const QUARTERS = ["q1", "q2", "q3", "q4"] as const;
export type Quarter = (typeof QUARTERS)[number];

export type Company = { id: number; name: string };

/** A part of the companies; `more` says that there are others. */
export type Companies = { items: Company[]; more: boolean };

/** What a company reported for a year; null where it has not. */
export type Year = { year: number } & Record<Quarter, Cents | null>;

/** What is reported of a year, in the order of its quarters. */
export const reported = (year: Year): Cents[] =>
  QUARTERS.map((each) => year[each]).filter((each) => each !== null);

/** An answer is not what api.md says; the message tells where. */
export class Malformed extends Error {}

type Fields = Record<string, unknown>;

/** What is in the envelope. */
export function opened(answer: unknown): unknown {
  const envelope = fields(answer, "the answer");
  if (envelope.success !== true) throw new Malformed("success is not true");
  if (!("content" in envelope)) throw new Malformed("content is missing");
  return envelope.content;
}

export function readCompanies(content: unknown): Companies {
  const list = fields(content, "content");
  if (list.next !== null && typeof list.next !== "string") {
    throw new Malformed("content.next is neither a text nor null");
  }
  return { items: items(list).map(readCompany), more: list.next !== null };
}

export function readCompany(content: unknown, at?: number): Company {
  const place = at === undefined ? "content" : `content.items[${at}]`;
  const { id, name } = fields(content, place);
  if (typeof name !== "string") throw new Malformed(`${place}.name is not a text`);
  return { id: whole(id, `${place}.id`), name };
}

/** The years of a company, oldest first. */
export function readYears(content: unknown): Year[] {
  return items(fields(content, "content")).map((each, at) => {
    const place = `content.items[${at}]`;
    const found = fields(each, place);
    const amount = (quarter: Quarter) => dollars(found[quarter], `${place}.${quarter}`);
    return {
      year: whole(found.year, `${place}.year`),
      q1: amount("q1"),
      q2: amount("q2"),
      q3: amount("q3"),
      q4: amount("q4"),
    };
  });
}

function fields(value: unknown, place: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Malformed(`${place} is not an object`);
  }
  return value as Fields;
}

function items(list: Fields): unknown[] {
  if (!Array.isArray(list.items)) throw new Malformed("content.items is not a list");
  return list.items;
}

function whole(value: unknown, place: string): number {
  if (!Number.isSafeInteger(value)) throw new Malformed(`${place} is not a whole number`);
  return value as number;
}

function dollars(value: unknown, place: string): Cents | null {
  if (value === null) return null;
  const amount = typeof value === "string" ? cents(value) : null;
  if (amount === null) throw new Malformed(`${place} is not an amount such as "12.50", or null`);
  return amount;
}
