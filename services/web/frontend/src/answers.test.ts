import { expect, test } from "vitest";

import { opened, readCompanies, readYears } from "./answers";

const YEAR = { year: 2024, q1: "1.00", q2: "-2.50", q3: null, q4: "999999999999999.99" };

test("a year is read exactly", () => {
  expect(readYears({ items: [YEAR] })).toEqual([
    { year: 2024, q1: 100n, q2: -250n, q3: null, q4: 99_999_999_999_999_999n },
  ]);
});

test.each([
  [{ ...YEAR, q1: 1 }, 'content.items[0].q1 is not an amount such as "12.50", or null'],
  [{ ...YEAR, q3: undefined }, 'content.items[0].q3 is not an amount such as "12.50", or null'],
  [{ ...YEAR, year: "2024" }, "content.items[0].year is not a whole number"],
  [null, "content.items[0] is not an object"],
])("%j is not a year", (item, fault) => {
  expect(() => readYears({ items: [item] })).toThrow(fault);
});

test.each([
  [{ items: {}, next: null }, "content.items is not a list"],
  [{ items: [] }, "content.next is neither a text nor null"],
  [{ items: [{ id: 1.5, name: "a" }], next: null }, "content.items[0].id is not a whole number"],
  [{ items: [{ id: 1, name: null }], next: null }, "content.items[0].name is not a text"],
])("%j is not a list of companies", (content, fault) => {
  expect(() => readCompanies(content)).toThrow(fault);
});

test.each([
  [[], "the answer is not an object"],
  [{ success: false, content: {} }, "success is not true"],
  [{ success: true }, "content is missing"],
])("%j is not an envelope", (answer, fault) => {
  expect(() => opened(answer)).toThrow(fault);
});
