// A pie of the parts of a whole, and these as a list. A pie cannot show a loss, and then says so.

import { VictoryContainer, VictoryPie } from "victory";

import { brief, exact, position, share, sum } from "../money";
import type { Slice } from "../slices";
import { Chart } from "./Chart";

const SIZE = 200;

type Props = { title: string; slices: readonly Slice[]; missing: string };

export function Share({ title, slices, missing }: Props) {
  const known = slices.flatMap(({ label, amount }) => (amount === null ? [] : [{ label, amount }]));
  const whole = sum(known.map((each) => each.amount));
  const losses = known.filter((each) => each.amount < 0n).map((each) => each.label);
  const note = losses.length
    ? `A pie cannot show a loss, and there is one in ${losses.join(", ")}: see the bars and the table.`
    : !known.length
      ? "Nothing is reported yet."
      : whole === 0n
        ? "All of it is zero: there is nothing to share out."
        : null;
  const notes = [note, known.length && known.length < slices.length ? missing : null];
  if (note) return <Chart title={title} draw={null} notes={notes} />;

  const inWords = known.map((each) => `${each.label} ${share(each.amount, whole)}`);
  return (
    <Chart
      title={title}
      notes={notes}
      draw={(width) => (
        <div className="fin-pie">
          <VictoryPie
            data={known.map((each) => ({ x: each.label, y: position(each.amount) }))}
            width={Math.min(SIZE, width)}
            height={Math.min(SIZE, width)}
            padding={4}
            labels={() => ""}
            style={{
              data: {
                fill: ({ index }) => `var(--ts-chart-${Number(index) + 1})`,
                stroke: "var(--ts-surface)",
                strokeWidth: 2,
              },
            }}
            containerComponent={
              <VictoryContainer responsive={false} title={title} desc={`${inWords.join(", ")}.`} />
            }
          />
          <ul className="fin-legend">
            {known.map((each, at) => (
              <li key={each.label} className={`fin-part fin-part-${at + 1}`}>
                <span>{each.label}</span>
                <strong>{share(each.amount, whole)}</strong>
                <span className="fin-none" title={exact(each.amount)}>
                  {brief(each.amount)}
                </span>
              </li>
            ))}
          </ul>
        </div>
      )}
    />
  );
}
