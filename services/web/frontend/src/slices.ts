// The parts of a whole that a pie shows.

import { QUARTERS, reported, type Year } from "./answers";
import { type Cents, sum } from "./money";

/** `amount` is null where nothing is reported. */
export type Slice = { label: string; amount: Cents | null };

// As many as there are colours that readers tell apart.
const MOST = 6;

export const byQuarter = (year: Year): Slice[] =>
  QUARTERS.map((each) => ({ label: each.toUpperCase(), amount: year[each] }));

/** The newest years by themselves, newest first, and those before them as one. */
export function byYear(years: readonly Year[]): Slice[] {
  const all = years.toReversed().map((each) => ({ label: String(each.year), amount: total(each) }));
  if (all.length <= MOST) return all;
  const earlier = all.slice(MOST - 1);
  const known = earlier.map((each) => each.amount).filter((each) => each !== null);
  const span = `${earlier.at(-1)?.label} to ${earlier[0]?.label}`;
  // A loss among them would be hidden by the others.
  const loss = known.find((each) => each < 0n);
  const amount = known.length ? (loss ?? sum(known)) : null;
  return [...all.slice(0, MOST - 1), { label: span, amount }];
}

function total(year: Year): Cents | null {
  const known = reported(year);
  return known.length ? sum(known) : null;
}
