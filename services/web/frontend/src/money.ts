// Amounts of US dollars, exact to the cent. The API sends them as text, "-1234.50", of at most
// seventeen digits: more than a float has. They are read as whole cents; a float is made of one
// only to place it in a picture.

export type Cents = bigint;

const AMOUNT = /^(-?)(\d{1,15})\.(\d{2})$/;

const exactly = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const briefly = new Intl.NumberFormat("en-US", {
  style: "currency",
  currency: "USD",
  notation: "compact",
  maximumSignificantDigits: 3,
  // Beyond a thousand trillions, of which there is no shorter name.
  useGrouping: true,
});
const percent = new Intl.NumberFormat("en-US", {
  style: "percent",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});

/** Whole cents; null where the text is not an amount of dollars with two decimals. */
export function cents(text: string): Cents | null {
  const parts = AMOUNT.exec(text);
  return parts && BigInt(`${parts[1]}${parts[2]}${parts[3]}`);
}

/** Every digit: `-$1,234.50`. */
export const exact = (amount: Cents): string => minus(exactly.format(text(amount)));

/** Three digits: `-$1.23K`. */
export const brief = (amount: Cents): string => minus(briefly.format(text(amount)));

/** A part of a whole, neither of them negative: `12.5%`. None of some is `0.0%`, or all of it. */
export function share(part: Cents, whole: Cents): string {
  const millionths = Number((part * 1_000_000n) / whole);
  if (part > 0n && millionths < 500) return "<0.1%";
  if (part < whole && millionths >= 999_500) return ">99.9%";
  return percent.format(millionths / 1_000_000);
}

/** Dollars as a float: where to draw, never what to write. */
export const position = (amount: Cents): number => Number(amount) / 100;

export const sum = (amounts: readonly Cents[]): Cents => amounts.reduce((a, b) => a + b, 0n);

function text(amount: Cents): Intl.StringNumericLiteral {
  const sign = amount < 0n ? "-" : "";
  const digits = String(amount < 0n ? -amount : amount).padStart(3, "0");
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}` as Intl.StringNumericLiteral;
}

const minus = (written: string): string => written.replace("-", "−");
