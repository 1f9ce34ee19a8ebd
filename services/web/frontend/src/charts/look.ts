// How charts look: the colours are the tokens of static/colours.css, so they follow light and dark.

import { brief, type Cents } from "../money";

export const HEIGHT = 280;
export const PADDING = { top: 12, right: 8, bottom: 32, left: 64 };

const words = { fontFamily: "var(--ts-font)", fontSize: 12, fill: "var(--ts-text-muted)" };

// With an edge of the card's colour, so that no line of the grid runs through it.
const EDGE = { stroke: "var(--ts-surface)", strokeWidth: 5, paintOrder: "stroke" };
export const LABEL = { ...words, ...EDGE, fill: "var(--ts-text)", fontWeight: 500 };
export const MUTED = words;
export const ACROSS = {
  axis: { stroke: "none" },
  grid: { stroke: "none" },
  ticks: { stroke: "none", size: 0 },
  tickLabels: { ...words, padding: 10 },
};
export const UP = { ...ACROSS, grid: { stroke: "var(--ts-grid)", strokeDasharray: "none" } };
export const ZERO = { data: { stroke: "var(--ts-border-strong)", strokeWidth: 1 } };

// At the foot of the picture, also where bars go down: by itself it is where zero is.
export const FOOT = { orientation: "bottom", offsetY: PADDING.bottom } as const;
export const NUMBERS = [1, 2, 3, 4];
export const quarterName = (number: number) => `Q${number}`;

/** Whole dollars at a tick; they are round, so no digit is lost. */
export const tick = (dollars: number): string => brief(BigInt(Math.round(dollars * 100)) as Cents);

/** From the least to the greatest and always zero, with room for labels above and below. */
export function range(dollars: readonly number[]): [number, number] {
  const [low, high] = [Math.min(0, ...dollars), Math.max(0, ...dollars)];
  const room = (high - low || 1) * 0.14;
  return [low < 0 ? low - room : 0, high > 0 ? high + room : 0];
}
