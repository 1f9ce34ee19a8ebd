// What a box plot shows of some amounts.

import type { Cents } from "./money";

/** The least, the quartiles and the greatest. */
export type Five = { least: Cents; q1: Cents; median: Cents; q3: Cents; greatest: Cents };

/**
 * The five numbers of one amount or more, in any order; quartiles lie linearly between neighbours.
 *
 * Ref: Hyndman and Fan (1996), definition 7, which NumPy and R take by default.
 */
export function five(amounts: readonly Cents[]): Five {
  const sorted = [...amounts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const at = (quarter: number): Cents => {
    const place = (sorted.length - 1) * quarter;
    const [low, rest] = [Math.floor(place / 4), BigInt(place % 4)];
    const [below, above] = [sorted[low] as Cents, sorted[low + (rest ? 1 : 0)] as Cents];
    return below + ((above - below) * rest) / 4n;
  };
  return { least: at(0), q1: at(1), median: at(2), q3: at(3), greatest: at(4) };
}
