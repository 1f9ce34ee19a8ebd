// A bar for each quarter of a year, downwards for a loss; a gap where nothing is reported.

import {
  VictoryAxis,
  VictoryBar,
  VictoryChart,
  VictoryContainer,
  VictoryLabel,
  VictoryLine,
  VictoryScatter,
} from "victory";

import { QUARTERS, type Year } from "../answers";
import { brief, exact, position } from "../money";
import { Chart } from "./Chart";
import {
  ACROSS,
  FOOT,
  HEIGHT,
  LABEL,
  MUTED,
  NUMBERS,
  PADDING,
  quarterName,
  range,
  tick,
  UP,
  ZERO,
} from "./look";

export function Quarters({ year }: { year: Year }) {
  const title = `Quarters of ${year.year}`;
  const quarters = QUARTERS.map((each, at) => ({ x: at + 1, amount: year[each] }));
  const bars = quarters.flatMap(({ x, amount }) =>
    amount === null ? [] : [{ x, y: position(amount), label: brief(amount) }],
  );
  const gaps = quarters.filter(({ amount }) => amount === null);
  const inWords = quarters.map(
    ({ x, amount }) => `${quarterName(x)} ${amount === null ? "not reported" : exact(amount)}`,
  );
  if (!bars.length) {
    return <Chart title={title} draw={null} notes={[`Nothing is reported of ${year.year} yet.`]} />;
  }
  return (
    <Chart
      title={title}
      draw={(width) => (
        <VictoryChart
          width={width}
          height={HEIGHT}
          padding={PADDING}
          domain={{ x: [0.5, 4.5], y: range(bars.map((each) => each.y)) }}
          containerComponent={<VictoryContainer title={title} desc={`${inWords.join(", ")}.`} />}
        >
          <VictoryAxis dependentAxis tickCount={5} tickFormat={tick} style={UP} />
          <VictoryAxis {...FOOT} tickValues={NUMBERS} tickFormat={quarterName} style={ACROSS} />
          <VictoryBar
            data={bars}
            barWidth={Math.min(72, width / 8)}
            cornerRadius={{ top: 3 }}
            style={{
              data: {
                fill: ({ datum }) => (datum.y < 0 ? "var(--ts-chart-2)" : "var(--ts-chart-1)"),
              },
              labels: LABEL,
            }}
          />
          <VictoryLine
            data={[
              { x: 0.5, y: 0 },
              { x: 4.5, y: 0 },
            ]}
            style={ZERO}
          />
          <VictoryScatter
            data={gaps.map(({ x }) => ({ x, y: 0, label: "not\nreported" }))}
            size={0}
            style={{ data: { opacity: 0 }, labels: MUTED }}
            labelComponent={<VictoryLabel dy={-4} />}
          />
        </VictoryChart>
      )}
    />
  );
}
