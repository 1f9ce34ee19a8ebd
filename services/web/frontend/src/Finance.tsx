// What a company reported, quarter by quarter: which company and year, and what has come of it.

import { useEffect, useRef } from "react";

import { useAddress } from "./address";
import { readYears, type Year } from "./answers";
import { type Asked, useAsked } from "./asked";
import { Figures } from "./Figures";
import { Picker } from "./Picker";
import { Loading, NoCompanies, NoFinances, Trouble } from "./states";
import { useCompanies } from "./useCompanies";

/** Addresses of this site; `api` has no slash at its end. */
export type Links = { api: string; login: string; reference: string };

/** Whether something was asked that is not answered. */
const isBusy = (asked: Asked<unknown>): boolean =>
  asked.state === "loading" || (asked.state === "there" && asked.busy);

const NUMBER = /^[1-9]\d{0,9}$/;

export function Finance({ links }: { links: Links }) {
  const { chosen, choose, settle } = useAddress();
  const id = chosen.company !== null && NUMBER.test(chosen.company) ? chosen.company : null;
  const companies = useCompanies(links.api, id);
  const [finances, again] = useAsked(id && `${links.api}/companies/${id}/finances`, readYears);
  const part = useRef<HTMLElement>(null);

  const years = finances.state === "there" ? finances.answer : [];
  const year = years.find((each) => String(each.year) === chosen.year) ?? years.at(-1);
  const first = companies.list.state === "there" ? companies.list.answer.items[0] : undefined;

  // What was not chosen is chosen for the reader, and named, so that a link shows the same.
  useEffect(() => {
    if (chosen.company === null && first) settle({ company: String(first.id) });
    else if (chosen.company !== null && chosen.year === null && year) {
      settle({ year: String(year.year) });
    }
  }, [chosen, first, year, settle]);

  const refresh = () => {
    companies.again();
    again();
    // The button may be of what is about to go.
    part.current?.focus();
  };

  const busy = isBusy(companies.list) || (id !== null && isBusy(finances));
  return (
    <section ref={part} tabIndex={-1} className="fin" aria-label="Finance" aria-busy={busy}>
      <Picker
        companies={companies}
        company={chosen.company}
        years={years}
        year={year?.year}
        at={finances.state === "there" ? finances.at : undefined}
        busy={busy}
        onCompany={(company) => choose({ company })}
        onYear={(value) => choose({ year: value })}
        onRefresh={refresh}
      />
      {shown()}
    </section>
  );

  function shown() {
    if (companies.list.state === "failed") {
      return <Trouble failure={companies.list.failure} login={links.login} onRetry={refresh} />;
    }
    if (companies.areNone) return <NoCompanies reference={links.reference} onRetry={refresh} />;
    if (chosen.company !== null && id === null) {
      const sentence = `The address asks for company “${chosen.company}”, which is not the number of one. Choose one above.`;
      return <p className="ts-notice ts-notice-warn">{sentence}</p>;
    }
    if (finances.state === "failed") {
      return <Trouble failure={finances.failure} login={links.login} onRetry={refresh} />;
    }
    if (finances.state === "loading" || companies.isNaming) return <Loading />;
    const name = companies.name ?? `Company ${id}`;
    if (!year) return <NoFinances name={name} id={id ?? ""} reference={links.reference} />;
    return (
      <>
        {chosen.year !== null && chosen.year !== String(year.year) && (
          <OtherYear name={name} asked={chosen.year} shown={year} />
        )}
        <Figures name={name} years={years} year={year} />
      </>
    );
  }
}

function OtherYear({ name, asked, shown }: { name: string; asked: string; shown: Year }) {
  return (
    <p className="ts-notice ts-notice-info" role="status">
      {`${name} has no finances of ${asked}: this is ${shown.year}, its newest year.`}
    </p>
  );
}
