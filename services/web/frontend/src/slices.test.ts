import { expect, test } from "vitest";

import type { Year } from "./answers";
import { byYear } from "./slices";

const year = (number: number, q1: bigint | null): Year => ({
  year: number,
  q1,
  q2: null,
  q3: null,
  q4: null,
});

test("nothing is lost and nothing is counted twice, of however many years", () => {
  for (const count of [1, 6, 7, 40]) {
    const years = Array.from({ length: count }, (_, at) => year(1980 + at, BigInt(at + 1)));
    const slices = byYear(years);
    expect(slices.length).toBe(Math.min(count, 6));
    const total = slices.reduce((all, each) => all + (each.amount ?? 0n), 0n);
    expect(total).toBe(BigInt((count * (count + 1)) / 2));
  }
});

test("the years before the newest are one, named by the first and the last of them", () => {
  const years = Array.from({ length: 8 }, (_, at) => year(2017 + at, 1n));
  expect(byYear(years).map((each) => each.label)).toEqual([
    ...["2024", "2023", "2022", "2021", "2020"],
    "2017 to 2019",
  ]);
});

test("a loss among the years before the newest is not hidden by the others", () => {
  const years = Array.from({ length: 8 }, (_, at) => year(2017 + at, at === 1 ? -1n : 100n));
  expect(byYear(years).at(-1)?.amount).toBe(-1n);
});
