// Company, year, and what asks again.

import type { FormEvent } from "react";

import type { Year } from "./answers";
import type { Choices } from "./useCompanies";

type Props = {
  companies: Choices;
  /** As the address has it. */
  company: string | null;
  years: readonly Year[];
  year: number | undefined;
  /** When what is shown was asked for. */
  at: Date | undefined;
  busy: boolean;
  onCompany: (id: string) => void;
  onYear: (year: string) => void;
  onRefresh: () => void;
};

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: "UTC" });

export function Picker(props: Props) {
  const { companies, company, years, year, at, busy } = props;
  const { offered } = companies;
  const isOffered = offered.some((each) => String(each.id) === company);
  return (
    <div className="fin-picker">
      {companies.areMany && <Search {...companies} />}
      <div className="fin-field fin-company">
        <label className="form-label" htmlFor="fin-company">
          Company
        </label>
        <select
          id="fin-company"
          className="form-select"
          disabled={!offered.length}
          value={isOffered ? (company ?? "") : ""}
          onChange={(event) => props.onCompany(event.target.value)}
        >
          {!isOffered && (
            <option value="" disabled>
              {companies.list.state === "loading" ? "Loading" : "Choose a company"}
            </option>
          )}
          {offered.map((each) => (
            <option key={each.id} value={each.id}>
              {each.name}
            </option>
          ))}
        </select>
      </div>
      <div className="fin-field">
        <label className="form-label" htmlFor="fin-year">
          Year
        </label>
        <select
          id="fin-year"
          className="form-select"
          disabled={!years.length}
          value={year ?? ""}
          onChange={(event) => props.onYear(event.target.value)}
        >
          {years.toReversed().map((each) => (
            <option key={each.year} value={each.year}>
              {each.year}
            </option>
          ))}
        </select>
      </div>
      <button type="button" className="btn btn-outline-primary" onClick={props.onRefresh}>
        Refresh
      </button>
      <p className="fin-at" role="status">
        {busy ? "Loading" : at && `As of ${clock.format(at)} UTC`}
      </p>
    </div>
  );
}

function Search({ sought, seek, list }: Choices) {
  const look = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    seek(String(new FormData(event.currentTarget).get("name")).trim());
  };
  const isNone = sought !== "" && list.state === "there" && list.answer.items.length === 0;
  return (
    <form className="fin-field fin-search" onSubmit={look}>
      <label className="form-label" htmlFor="fin-search">
        Name contains
      </label>
      <div className="fin-together">
        <input
          id="fin-search"
          name="name"
          type="search"
          className="form-control"
          autoComplete="off"
          aria-describedby="fin-found"
        />
        <button type="submit" className="btn btn-outline-primary">
          Find
        </button>
      </div>
      <p id="fin-found" className="fin-at" role="status">
        {isNone
          ? `No company’s name contains “${sought}”.`
          : list.state === "there" && list.answer.more
            ? "The first thousand are offered: find others by name."
            : ""}
      </p>
    </form>
  );
}
