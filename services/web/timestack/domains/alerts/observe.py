"""What rules see: one statement for all rules that look at the same thing, however many series.

The rules' thresholds and the alerts that are open are handed over as JSON. The statement reads each
series once, from rollup and tail, and answers with what is an alert and what is open.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from timestack.domains.alerts import sources
from timestack.domains.alerts.rules import Rule, Rules
from timestack.models.alerts import Alert
from timestack.series import catalog, statement
from timestack.series.sources import ORIGIN, Source
from timestack.series.sql import LARGEST, fill, literal

# New alerts of one statement: what is more than this comes with the next evaluation.
MOST_NEW = 10_000
# A rollup is read for a time of at least so many of its buckets: a window begins with a whole one.
FEWEST_BUCKETS = 4


class Seen(NamedTuple):
    """What a rule sees of a series.

    ``id`` is that of the alert that is open, None where there is none. ``value`` is None where
    there is nothing to compare, and ``is_covered`` False where the rule is not about the series any
    more. ``since`` is when the readings began to be as they are, within the time that matters; None
    where only the present is known. ``at`` is the time of the value. Both are in UTC.
    """

    id: int | None
    number: int
    keys: dict[str, Any]
    label: str
    is_covered: bool
    at: datetime | None
    value: float | None
    is_alert: bool
    is_clear: bool
    since: datetime | None


@dataclass(frozen=True)
class Look:
    """Rules that look at the same: a table, a value, what of it and over which time."""

    table: str
    value: str | None
    quantity: str
    over: timedelta | None
    keys: tuple[str, ...]
    rules: Mapping[str, Rule]

    @property
    def names(self) -> list[str]:
        """The rules by their numbers in the statement."""
        return list(self.rules)

    @property
    def horizon(self) -> timedelta:
        """How far back the newest reading of a series may be."""
        return max(rule.within for rule in self.rules.values())


def looks(rules: Rules, declared: catalog.Catalog) -> list[Look]:
    """Return what is to be looked at for all rules."""
    grouped: dict[tuple, dict[str, Rule]] = defaultdict(dict)
    for name, rule in rules.rules.items():
        value = None if rule.no_data else rules.value_of(name, declared)
        keys = sources.keys(rule.table, value, declared)
        grouped[rule.table, value, rule.quantity, rule.over, keys][name] = rule
    return [Look(*shape, rules=found) for shape, found in grouped.items()]


def observe(
    session: Session,
    look: Look,
    opened: Iterable[Alert],
    now: datetime,
    declared: catalog.Catalog,
) -> Iterator[Seen]:
    """Return each series that is an alert by a rule, and each of which an alert is open.

    ``now`` is the database's time; readings of the future are not seen.
    """
    numbers = {name: number for number, name in enumerate(look.names)}
    given = {
        "now": now,
        "horizon": look.horizon,
        "most": MOST_NEW,
        "over": look.over,
        "rules": json.dumps([_rule(n, rule) for n, rule in enumerate(look.rules.values())]),
        "opened": json.dumps(
            [
                {"id": each.id, "no": numbers[each.rule], "keys": each.keys, "is_firing": firing}
                for each in opened
                for firing in (each.state == "firing",)
            ]
        ),
    }
    sql = _Statement(session, look, now, declared)
    for row in session.execute(text(sql.text()), {**given, **sql.bounds}):
        yield Seen(*row)


def _rule(number: int, rule: Rule) -> dict[str, Any]:
    (low, high), (clear_low, clear_high) = rule.band, rule.clear_band
    # No infinity in JSON: null is none.
    ends = {"low": low, "high": high, "clear_low": clear_low, "clear_high": clear_high}
    spans = {"hold": rule.hold, "clear_hold": rule.clear_hold, "within": rule.within}
    return {
        "no": number,
        **{name: end if math.isfinite(end) else None for name, end in ends.items()},
        **{name: f"{span.total_seconds()} seconds" for name, span in spans.items()},
        **{f"k_{column}": chosen for column, chosen in rule.keys.items()},
        **{f"w_{column}": chosen for column, chosen in rule.where.items()},
    }


NEWEST = """
  (select t.at, t.value from ({sql_rows}) t
    where {sql_same} and t.at > {sql_after} and t.at <= {sql_until} {sql_finite}
    order by t.at desc limit 1)
"""
# Since when the readings are as the newest one is. They are looked at from the one that held when
# the time that matters began.
RUN = """
  left join lateral (
    select coalesce((select t.at from ({sql_rows}) t
                      where {sql_same} and t.at <= f.at - f.lasting
                        and t.at > f.at - f.lasting - f.within {sql_finite}
                      order by t.at desc limit 1), f.at - f.lasting) as start
  ) b on f.lasting > interval '0' and f.holds
  left join lateral (
    select min(t.at) as since from ({sql_rows}) t
     where {sql_same} and t.at >= b.start and t.at <= f.at {sql_finite}
       and t.at > coalesce((select max(x.at) from ({sql_rows}) x
                             where {sql_same_x} and x.at >= b.start and x.at <= f.at {sql_finite_x}
                               and not case when f.is_firing
                                 then x.value between f.clear_low and f.clear_high
                                 else x.value < f.low or x.value > f.high end),
                           '-infinity')
  ) run on b.start is not null
"""
STATEMENT = """
with rule as materialized (
  select no, coalesce(low, '-infinity') as low, coalesce(high, 'infinity') as high,
         coalesce(clear_low, '-infinity') as clear_low,
         coalesce(clear_high, 'infinity') as clear_high, hold, clear_hold, within {sql_chosen}
    from jsonb_to_recordset(cast(:rules as jsonb))
      as r(no int, low float8, high float8, clear_low float8, clear_high float8,
           hold interval, clear_hold interval, within interval {sql_chosen_types})
), opened as materialized (
  select * from jsonb_to_recordset(cast(:opened as jsonb))
    as o(id bigint, no int, keys jsonb, is_firing boolean)
), known as (
  {sql_known}
), series as materialized (
  {sql_series}
), found as (
  (select cast(null as bigint) as id, false as is_firing, true as is_covered, s.*, r.*
     from series s
     join rule r on (s.value < r.low or s.value > r.high) and s.read_at > :now - r.within
                {sql_covers}
    where not exists (select from opened o where o.no = r.no and o.keys = s.keys)
    limit :most)
  union all
  (select o.id, o.is_firing, s.keys is not null as is_covered, s.*, r.*
     from opened o
     join rule r on r.no = o.no
     left join series s on s.keys = o.keys {sql_covers})
), judged as (
  select f.*, is_firing and is_clear or not is_firing and is_alert as holds,
         case when is_firing then clear_hold else hold end as lasting
    from (select *, read_at > :now - within as is_new,
                 value < low or value > high as is_alert,
                 value between clear_low and clear_high as is_clear
            from found) f
)
select f.id, f.no, f.keys, f.label, f.is_covered,
       case when f.is_new then f.at end, case when f.is_new then f.value end,
       coalesce(f.is_alert, false), coalesce(f.is_clear, false), {sql_since}
  from judged f {sql_run}
"""


class _Statement:
    """The text of a look's statement, and the times in it."""

    def __init__(self, session: Session, look: Look, now: datetime, declared: catalog.Catalog):
        self._session, self._look, self._now = session, look, now
        self._table = declared.hypertables[look.table]
        self._rollup = sources.rollup_of(look.table, look.value, declared)
        self._referred = sources.referred(look.table, look.keys)
        self.bounds: dict[str, datetime] = {}

    def text(self) -> str:
        """Return it; colons are those of its parameters alone."""
        of_rows = self._look.quantity == "newest"
        chosen = self._chosen()
        return fill(
            STATEMENT,
            sql_chosen="".join(f", {column}" for column in chosen),
            sql_chosen_types="".join(f", {column} text[]" for column in chosen),
            sql_known=self._known(),
            sql_series=self._series(),
            sql_covers="".join(
                f" and (r.{column} is null or s.{ours} = any (r.{column}))"
                for column, ours in chosen.items()
            ),
            sql_since="coalesce(run.since, f.at)" if of_rows else "null",
            sql_run=self._run() if of_rows else "",
        )

    def _chosen(self) -> dict[str, str]:
        """The names by which the rules' lists of values go -> the series' column, as text."""
        rules = self._look.rules.values()
        keys = {column for rule in rules for column in rule.keys}
        where = {column for rule in rules for column in rule.where}
        found = {f"k_{column}": f"t_k_{column}" for column in sorted(keys)}
        found |= {f"w_{column}": f"t_w_{column}" for column in sorted(where)}
        return {fill("{name}", name=name): fill("{name}", name=of) for name, of in found.items()}

    def _known(self) -> str:
        """The series that there are: k0, k1 …, label, and what rules choose by, as texts."""
        keys = self._look.keys
        rules = self._look.rules.values()
        parts = [fill("{column} as {name}", column=c, name=f"k{n}") for n, c in enumerate(keys)]
        if self._referred:
            referred = self._referred
            parts = [fill("{id} as k0", id=referred.id)]
            label = fill("concat_ws(', ', {columns})", columns=referred.label)
            if referred.has_unit:
                label += " || coalesce(' (' || nullif(unit, '') || ')', '')"
        else:
            label = fill("concat_ws(', ', {columns})", columns=keys)
        ids = [referred.id] if self._referred else keys
        for column in sorted({column for rule in rules for column in rule.keys}):
            id = ids[keys.index(column)]
            parts.append(fill("cast({id} as text) as {name}", id=id, name=f"t_k_{column}"))
        for column in sorted({column for rule in rules for column in rule.where}):
            name = f"t_w_{column}"
            parts.append(fill("cast({column} as text) as {name}", column=column, name=name))
        columns = ", ".join([*parts, f"{label} as label"])
        source = fill("{table}", table=referred.table) if self._referred else self._distinct()
        return f"select {columns} from {source}"

    def _distinct(self) -> str:
        """The keys that had a reading within the horizon, of a table whose keys refer to none."""
        time, keys = self._table.time, self._look.keys
        since = ":now - cast(:horizon as interval)"
        found = []
        if self._rollup:
            (width, table), *_ = reversed(self._rollup.tables(self._look.table).items())
            found.append(
                fill(
                    "select {keys} from {table} where bucket > {sql_since} - {sql_width}",
                    keys=keys,
                    table=table,
                    sql_since=since,
                    sql_width=literal(width),
                )
            )
            finest = next(iter(self._rollup.tables(self._look.table).values()))
            newest = fill("(select max(bucket) from {table})", table=finest)
            since = f"greatest({since}, coalesce({newest}, '-infinity'))"
        found.append(
            fill(
                "select {keys} from {table} where {time} >= {sql_since} and {time} <= :now",
                keys=keys,
                table=self._look.table,
                time=time,
                sql_since=since,
            )
        )
        return f"({' union '.join(found)}) d"

    def _series(self) -> str:
        """What is compared of each series: keys, label, read_at, at, value."""
        keys = self._look.keys
        pairs = ", ".join(f"{literal(column)}, k.k{n}" for n, column in enumerate(keys))
        columns = f"k.*, jsonb_build_object({pairs}) as keys"
        if self._look.quantity in ("mean", "min", "max"):
            return self._window(columns)
        newest = self._newest("k", ":now - cast(:horizon as interval)", ":now")
        if self._look.quantity == "age":
            what = "n.at as read_at, cast(:now as timestamptz) as at"
            what += ", cast(extract(epoch from :now - n.at) as float8) as value"
            return f"select {columns}, {what} from known k left join lateral {newest} n on true"
        if self._look.quantity == "newest":
            what = "n.at as read_at, n.at, n.value"
            return f"select {columns}, {what} from known k left join lateral {newest} n on true"
        over = "cast(:over as interval)"
        before = self._newest("k", f"n.at - 3 * {over}", f"n.at - {over}")
        rate = "(n.value - b.value) / cast(extract(epoch from n.at - b.at) as float8)"
        what = f"n.at as read_at, n.at, {rate} * cast(extract(epoch from {over}) as float8) as value"
        return (
            f"select {columns}, {what} from known k left join lateral {newest} n on true"
            f" left join lateral {before} b on true"
        )

    def _window(self, columns: str) -> str:
        """Mean, minimum or maximum over a time: whole buckets of rollups, and rows for the rest."""
        look, since = self._look, self._now - self._look.over
        labels = [f"k{n}" for n in range(len(look.keys))]
        names = [
            fill("{column} as {label}", column=c, label=k)
            for c, k in zip(look.keys, labels, strict=True)
        ]
        parts = []
        for number, (table, start, until) in enumerate(self._parts(since)):
            amounts = [fill("{column}", column=f"{look.value}_{part}")
                       for part in ("n", "sum", "min", "max")]  # fmt: skip
            self.bounds |= {f"start_{number}": start, f"until_{number}": until}
            since = until
            listed = ", ".join([*names, *map(" as ".join, zip(amounts, AMOUNTS, strict=True))])
            parts.append(
                f"select {listed} from {fill('{table}', table=table)}"
                f" where bucket >= :start_{number} and bucket < :until_{number}"
            )
        self.bounds["rows_since"] = since
        own = ["1 as n", *(f"t.value as {amount}" for amount in AMOUNTS[1:])]
        rows = ", ".join([*(f"t.{k}" for k in labels), *own])
        parts.append(
            f"select {rows} from ({self._rows()}) t"
            f" where t.at >= :rows_since and t.at <= :now {self._finite('t')}"
        )
        value = {"mean": "sum(total) / nullif(sum(n), 0)", "min": "min(low)", "max": "max(high)"}
        grouped = (
            f"select {', '.join(labels)}, cast({value[look.quantity]} as float8) as value"
            f" from ({' union all '.join(parts)}) p group by {', '.join(labels)}"
        )
        on = " and ".join(f"w.{k} = k.{k}" for k in labels)
        now = "cast(:now as timestamptz)"
        return (
            f"select {columns}, {now} as read_at, {now} as at, w.value"
            f" from known k left join ({grouped}) w on {on}"
        )

    def _parts(self, since: datetime) -> Iterator[tuple[str, datetime, datetime]]:
        """The rollups' tables that can answer, coarsest first, each with its start and end."""
        levels = self._rollup.tables(self._look.table) if self._rollup else {}
        is_first = True
        for width, table in reversed(levels.items()):
            is_local = self._rollup.timezone is not None and width >= catalog.DAY
            if is_local or width * FEWEST_BUCKETS > self._look.over:
                continue
            if is_first:
                since -= (since - ORIGIN) % width
            newest = statement.newest(Source(table, "bucket", width), since, self._now)
            until = self._session.scalar(newest)
            if until and until > since:
                yield table, since, until
                since, is_first = until, False

    def _rows(self) -> str:
        """The rows as k0, k1 …, at, value."""
        columns = [fill("{c} as {k}", c=c, k=f"k{n}") for n, c in enumerate(self._look.keys)]
        columns.append(fill("{time} as at", time=self._table.time))
        value = self._look.value
        columns.append(
            fill("cast({value} as float8) as value", value=value) if value else "null as value"
        )
        return f"select {', '.join(columns)} from {fill('{table}', table=self._look.table)}"

    def _finite(self, name: str) -> str:
        """Nulls and what is not a finite number are no readings; NaN sorts last."""
        value = self._look.value
        return f"and {name}.value between -{LARGEST} and {LARGEST}" if value else ""

    def _same(self, name: str, other: str) -> str:
        return " and ".join(f"{name}.k{n} = {other}.k{n}" for n in range(len(self._look.keys)))

    def _newest(self, of: str, after: str, until: str) -> str:
        return fill(
            NEWEST,
            sql_rows=self._rows(),
            sql_same=self._same("t", of),
            sql_after=after,
            sql_until=until,
            sql_finite=self._finite("t"),
        )

    def _run(self) -> str:
        return fill(
            RUN,
            sql_rows=self._rows(),
            sql_same=self._same("t", "f"),
            sql_same_x=self._same("x", "f"),
            sql_finite=self._finite("t"),
            sql_finite_x=self._finite("x"),
        )


AMOUNTS: Sequence[str] = ("n", "total", "low", "high")
