// What is chosen is in the address, `?company=3&year=2024`: for links, and for the way back.

import { useCallback, useEffect, useState } from "react";

/** As it is written there; null where it is not, or empty. */
export type Chosen = { company: string | null; year: string | null };

function read(): Chosen {
  const query = new URLSearchParams(window.location.search);
  return { company: query.get("company") || null, year: query.get("year") || null };
}

/** `choose` adds a place to the browser's history; `settle` corrects the present one. */
export function useAddress() {
  const [chosen, setChosen] = useState(read);

  useEffect(() => {
    const follow = () => setChosen(read());
    window.addEventListener("popstate", follow);
    return () => window.removeEventListener("popstate", follow);
  }, []);

  const go = useCallback((how: "pushState" | "replaceState", changes: Partial<Chosen>) => {
    const next = { ...read(), ...changes };
    const query = new URLSearchParams();
    for (const name of ["company", "year"] as const) {
      const value = next[name];
      if (value !== null) query.set(name, value);
    }
    const search = query.size ? `?${query}` : "";
    window.history[how](null, "", `${window.location.pathname}${search}`);
    setChosen(next);
  }, []);
  const choose = useCallback((changes: Partial<Chosen>) => go("pushState", changes), [go]);
  const settle = useCallback((changes: Partial<Chosen>) => go("replaceState", changes), [go]);
  return { chosen, choose, settle };
}
