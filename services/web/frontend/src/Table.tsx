// Every amount, exact: what the charts are drawn from.

import { QUARTERS, reported, type Year } from "./answers";
import { type Cents, exact, sum } from "./money";

type Props = { name: string; years: readonly Year[]; year: number };

export function Table({ name, years, year }: Props) {
  return (
    <div className="ts-card fin-table">
      <h3 className="h6" id="fin-table">
        Revenue by quarter, US dollars
      </h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which the keyboard must do too */}
      <section className="fin-scroll" aria-labelledby="fin-table" tabIndex={0}>
        <table className="ts-holds">
          <caption className="visually-hidden">{`Revenue of ${name} by year and quarter`}</caption>
          <thead>
            <tr>
              <th scope="col">Year</th>
              {[...QUARTERS, "Total"].map((each) => (
                <th key={each} scope="col" className="text-end">
                  {each.replace("q", "Q")}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {years.toReversed().map((each) => (
              <Row key={each.year} year={each} isChosen={each.year === year} />
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}

function Row({ year, isChosen }: { year: Year; isChosen: boolean }) {
  const known = reported(year);
  return (
    <tr aria-current={isChosen || undefined}>
      <th scope="row">{year.year}</th>
      {QUARTERS.map((each) => (
        <Amount key={each} amount={year[each]} />
      ))}
      <Amount amount={known.length ? sum(known) : null} />
    </tr>
  );
}

function Amount({ amount }: { amount: Cents | null }) {
  if (amount === null) return <td className="text-end fin-none">not reported</td>;
  return <td className="text-end">{exact(amount)}</td>;
}
