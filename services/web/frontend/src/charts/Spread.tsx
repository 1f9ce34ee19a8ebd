// What each quarter was like over all years: a box plot, with the chosen year as points.

import {
  VictoryAxis,
  VictoryBoxPlot,
  VictoryChart,
  VictoryContainer,
  VictoryLine,
  VictoryScatter,
} from "victory";

import { QUARTERS, type Year } from "../answers";
import { exact, position } from "../money";
import { five } from "../statistics";
import { Chart } from "./Chart";
import { ACROSS, FOOT, HEIGHT, NUMBERS, PADDING, quarterName, range, tick, UP, ZERO } from "./look";

const STROKE = { stroke: "var(--ts-chart-1)", strokeWidth: 1.5 };

export function Spread({ years, year }: { years: readonly Year[]; year: Year }) {
  const title = "Each quarter over all years";
  const boxes = QUARTERS.flatMap((each, at) => {
    const known = years.map((one) => one[each]).filter((amount) => amount !== null);
    return known.length ? [{ x: at + 1, of: known.length, ...five(known) }] : [];
  });
  if (!boxes.length)
    return <Chart title={title} draw={null} notes={["Nothing is reported yet."]} />;

  const drawn = boxes.map(({ x, ...all }) => ({
    x,
    min: position(all.least),
    q1: position(all.q1),
    median: position(all.median),
    q3: position(all.q3),
    max: position(all.greatest),
  }));
  const points = QUARTERS.flatMap((each, at) => {
    const amount = year[each];
    return amount === null ? [] : [{ x: at + 1, y: position(amount) }];
  });
  const inWords = boxes.map(
    (each) =>
      `${quarterName(each.x)}: ${exact(each.least)} to ${exact(each.greatest)}, median ${exact(each.median)}`,
  );
  return (
    <Chart
      title={title}
      notes={[
        "A box holds the middle half of the years, its line is the median, and the whiskers end at the least and the greatest.",
        points.length ? `The points are ${year.year}.` : null,
      ]}
      draw={(width) => (
        <VictoryChart
          width={width}
          height={HEIGHT}
          padding={PADDING}
          domain={{ x: [0.5, 4.5], y: range(drawn.flatMap((each) => [each.min, each.max])) }}
          containerComponent={<VictoryContainer title={title} desc={`${inWords.join("; ")}.`} />}
        >
          <VictoryAxis dependentAxis tickCount={5} tickFormat={tick} style={UP} />
          <VictoryAxis {...FOOT} tickValues={NUMBERS} tickFormat={quarterName} style={ACROSS} />
          <VictoryLine
            data={[
              { x: 0.5, y: 0 },
              { x: 4.5, y: 0 },
            ]}
            style={ZERO}
          />
          <VictoryBoxPlot
            data={drawn}
            boxWidth={Math.min(36, width / 10)}
            style={{
              min: STROKE,
              max: STROKE,
              median: { ...STROKE, strokeWidth: 2.5 },
              q1: { ...STROKE, fill: "var(--ts-accent-soft)" },
              q3: { ...STROKE, fill: "var(--ts-accent-soft)" },
            }}
          />
          <VictoryScatter
            data={points}
            size={4.5}
            style={{
              data: { fill: "var(--ts-chart-2)", stroke: "var(--ts-surface)", strokeWidth: 1.5 },
            }}
          />
        </VictoryChart>
      )}
    />
  );
}
