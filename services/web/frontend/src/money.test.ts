import { expect, test } from "vitest";

import { brief, cents, exact, share, sum } from "./money";

test.each([
  ["0.00", "$0.00"],
  ["0.05", "$0.05"],
  ["-0.05", "−$0.05"],
  ["1234.50", "$1,234.50"],
  // Seventeen digits: a float would have 999999999999999.9 and nine hundredths more or less.
  ["999999999999999.99", "$999,999,999,999,999.99"],
  ["-123456789012345.67", "−$123,456,789,012,345.67"],
])("%s is written with every digit", (text, written) => {
  expect(exact(cents(text) as bigint)).toBe(written);
});

test.each(["", "12", "12.5", "12.505", "1e3", "+1.00", "1,000.00", "NaN", " 1.00", "--1.00"])(
  "%j is not an amount",
  (text) => {
    expect(cents(text)).toBeNull();
  },
);

test.each([
  [0n, "$0"],
  [-500_001n, "−$5K"],
  [123_456_789n, "$1.23M"],
  [99_999_999_999_999_999n, "$1,000T"],
])("%d cents are written in short", (amount, written) => {
  expect(brief(amount)).toBe(written);
});

test("a share is neither nothing nor everything unless it is", () => {
  expect(share(1n, 3n)).toBe("33.3%");
  expect(share(0n, 3n)).toBe("0.0%");
  expect(share(3n, 3n)).toBe("100.0%");
  expect(share(1n, 10n ** 17n)).toBe("<0.1%");
  expect(share(10n ** 17n - 1n, 10n ** 17n)).toBe(">99.9%");
});

test("a sum has every cent", () => {
  expect(sum([99_999_999_999_999_999n, 1n, -3n])).toBe(99_999_999_999_999_997n);
});
