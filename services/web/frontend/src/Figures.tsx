// The figures of a company: its year in numbers, four charts, and every amount in a table.

import { reported, type Year } from "./answers";
import { Quarters } from "./charts/Quarters";
import { Share } from "./charts/Share";
import { Spread } from "./charts/Spread";
import { brief, type Cents, sum } from "./money";
import { byQuarter, byYear } from "./slices";
import { Table } from "./Table";

type Props = { name: string; years: readonly Year[]; year: Year };

export function Figures({ name, years, year }: Props) {
  const known = reported(year);
  const all = years.flatMap(reported);
  const total = (amounts: Cents[]) => (amounts.length ? brief(sum(amounts)) : "not reported");
  return (
    <>
      <h2 className="h4 fin-title">
        {name}, {year.year}
      </h2>
      <dl className="ts-card ts-stat ts-stats fin-stats">
        <div>
          <dt>Revenue {year.year}</dt>
          <dd>{total(known)}</dd>
        </div>
        <div>
          <dt>Quarters reported</dt>
          <dd>{known.length} of 4</dd>
        </div>
        <div>
          <dt>{years.length === 1 ? "Its only year" : `All ${years.length} years`}</dt>
          <dd>{total(all)}</dd>
        </div>
      </dl>
      <div className="fin-charts">
        <Quarters year={year} />
        <Spread years={years} year={year} />
        <Share
          title={`Shares of the quarters of ${year.year}`}
          slices={byQuarter(year)}
          missing="Quarters that are not reported are left out."
        />
        <Share
          title="Shares of the years"
          slices={byYear(years)}
          missing="Years of which nothing is reported are left out."
        />
      </div>
      <Table name={name} years={years} year={year.year} />
    </>
  );
}
