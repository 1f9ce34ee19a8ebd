// The companies to choose from: all of them where they are a thousand or fewer, else those whose name
// holds what is looked for. Also the one that is chosen, which may be none of these.

import { useMemo, useState } from "react";

import { type Companies, type Company, readCompanies, readCompany } from "./answers";
import { type Asked, useAsked } from "./asked";

// The most that one answer has.
const LIMIT = 1000;

export type Choices = {
  list: Asked<Companies>;
  /** In the order of their names, the chosen one among them. */
  offered: Company[];
  /** What names must hold; empty for any. */
  sought: string;
  seek: (text: string) => void;
  /** Whether there are more than can be offered at once. */
  areMany: boolean;
  areNone: boolean;
  /** Of the chosen company, where it has one. */
  name: string | undefined;
  /** Whether that is not known yet. */
  isNaming: boolean;
  again: () => void;
};

export function useCompanies(api: string, chosen: string | null): Choices {
  const [sought, seek] = useState("");
  const [wereMany, setWereMany] = useState(false);
  const query = new URLSearchParams({ sort: "name", limit: String(LIMIT) });
  if (sought) query.set("name", sought);
  const [list, askList] = useAsked(`${api}/companies?${query}`, readCompanies);

  const items = list.state === "there" ? list.answer.items : null;
  const more = list.state === "there" && list.answer.more;
  if (more && !wereMany) setWereMany(true);
  const listed = items?.find((each) => String(each.id) === chosen);
  const isElsewhere = chosen !== null && items !== null && !listed;
  const [one, askOne] = useAsked(isElsewhere ? `${api}/companies/${chosen}` : null, readCompany);

  // The one of before, while others are looked for.
  const [last, setLast] = useState<Company>();
  const current =
    listed ??
    (one.state === "there" ? one.answer : undefined) ??
    (last && String(last.id) === chosen ? last : undefined);
  if (current !== undefined && current !== last) setLast(current);
  const offered = useMemo(() => {
    const others = items ?? [];
    return current && !others.includes(current) ? [current, ...others] : others;
  }, [items, current]);
  return {
    list,
    offered,
    sought,
    seek,
    areMany: wereMany,
    areNone: items?.length === 0 && !sought && !more,
    name: current?.name,
    isNaming: !current && (items === null || (isElsewhere && one.state === "loading")),
    again: () => {
      askList();
      askOne();
    },
  };
}
