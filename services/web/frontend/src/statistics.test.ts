import { expect, test } from "vitest";

import { five } from "./statistics";

test("quartiles lie between their neighbours, as NumPy has them", () => {
  // numpy.quantile([1, 2, 4, 8], [0, .25, .5, .75, 1]) == [1, 1.75, 3, 5, 8]
  expect(five([800n, 100n, 400n, 200n])).toEqual({
    least: 100n,
    q1: 175n,
    median: 300n,
    q3: 500n,
    greatest: 800n,
  });
});

test("one amount is all of them", () => {
  expect(new Set(Object.values(five([-7n])))).toEqual(new Set([-7n]));
});
