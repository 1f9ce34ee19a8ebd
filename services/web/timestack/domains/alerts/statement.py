"""The statement by which rules look at series: what it reads, and what it answers with.

Its parameters are ``now``, ``horizon``, ``over``, ``most``, and the rules and the open alerts as
JSON (observe.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from timestack.domains.alerts import sources
from timestack.domains.alerts.rules import Rule
from timestack.series import catalog, statement
from timestack.series.sources import ORIGIN, Source
from timestack.series.sql import LARGEST, fill, literal

# A rollup is read for a time of at least so many of its buckets: a window begins with a whole one.
FEWEST_BUCKETS = 4

# Each pair of a series and a rule is compared once; what is open is looked at in any case.
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
# Since when the readings are as the newest one is. They are looked at from the one that held when
# the time that matters began.
RUN = """
  left join lateral (
    select coalesce((select t.at from ({sql_rows}) t
                      where {sql_same} and t.at <= f.at - f.lasting
                        and t.at > f.at - f.lasting - f.within {sql_finite}
                      order by t.at desc limit 1), f.at - f.lasting) as start
     where f.lasting > interval '0' and f.holds
  ) b on true
  left join lateral (
    select min(t.at) as since from ({sql_rows}) t
     where b.start is not null
       and {sql_same} and t.at >= b.start and t.at <= f.at {sql_finite}
       and t.at > coalesce((select max(x.at) from ({sql_rows}) x
                             where {sql_same_x} and x.at >= b.start and x.at <= f.at {sql_finite_x}
                               and not case when f.is_firing
                                 then x.value between f.clear_low and f.clear_high
                                 else x.value < f.low or x.value > f.high end),
                           '-infinity')
  ) run on true
"""

# The series that there are: k0, k1 …, label, and by what rules choose, as text. Those of a table
# whose key refers to another are its rows; of others what had a reading lately.
REFERRED = "select {sql_columns} from {table:relation}"
DISTINCT = "select {sql_columns} from ({sql_union}) d"
# A table without keys is one series, whose key is a constant.
ALONE = "select true as k0, {sql_label} as label"
ROLLED = "select {keys} from {table:relation} where bucket > {sql_since} - {sql_width}"
RECENT = "select {keys} from {table:relation} where {time} >= {sql_since} and {time} <= :now"
HORIZON = ":now - cast(:horizon as interval)"
AFTER_ROLLUP = """
greatest({sql_horizon}, coalesce((select max(bucket) from {table:relation}), '-infinity'))
"""

# What is compared of each: its keys, label, read_at, at, value.
SERIES = "select k.*, jsonb_build_object({sql_pairs}) as keys, {sql_what} from known k {sql_join}"
NEWEST = """
left join lateral (
  select t.at, t.value from ({sql_rows}) t
   where {sql_same} and t.at > {sql_after} and t.at <= {sql_until} {sql_finite}
   order by t.at desc limit 1
) {sql_name} on true
"""
OF_NEWEST = "n.at as read_at, n.at, n.value"
AGE = """
n.at as read_at, cast(:now as timestamptz) as at,
cast(extract(epoch from :now - n.at) as float8) as value
"""
OVER = "cast(:over as interval)"
CHANGE = """
n.at as read_at, n.at,
(n.value - b.value) / cast(extract(epoch from n.at - b.at) as float8)
  * cast(extract(epoch from cast(:over as interval)) as float8) as value
"""
OF_WINDOW = """
cast(:now as timestamptz) as read_at, cast(:now as timestamptz) as at, w.value
"""
WINDOW = """
left join (
  select {sql_keys}, cast({sql_value} as float8) as value from ({sql_parts}) p group by {sql_keys}
) w on {sql_same}
"""
BUCKETS = """
select {sql_keys}, {n} as n, {sum} as total, {min} as low, {max} as high from {table:relation}
 where bucket >= :{sql_start} and bucket < :{sql_until}
"""
TAIL = """
select {sql_keys}, 1 as n, t.value as total, t.value as low, t.value as high from ({sql_rows}) t
 where t.at >= :rows_since and t.at <= :now {sql_finite}
"""
VALUES = {"mean": "sum(total) / nullif(sum(n), 0)", "min": "min(low)", "max": "max(high)"}
ROWS = "select {sql_columns} from {table:relation}"


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

    @property
    def chosen_keys(self) -> list[str]:
        """The key columns by which a rule chooses."""
        return sorted({column for rule in self.rules.values() for column in rule.keys})

    @property
    def chosen_columns(self) -> list[str]:
        """The columns by which a rule chooses of the table that the key refers to."""
        return sorted({column for rule in self.rules.values() for column in rule.where})


class Statement:
    """The statement of a look, and ``bounds``: the times in it, once ``text`` was asked for."""

    def __init__(self, session: Session, look: Look, now: datetime, declared: catalog.Catalog):
        self._session, self._look, self._now = session, look, now
        self._time = declared.hypertables[look.table].time
        self._rollup = sources.rollup_of(look.table, look.value, declared)
        self._referred = sources.referred(look.table, look.keys)
        self.bounds: dict[str, datetime] = {}

    def text(self) -> str:
        """Return it; each colon begins a parameter."""
        # Only of readings is it known how they were between two looks.
        by_readings = self._look.quantity == "newest"
        chosen = [f"k_{each}" for each in self._look.chosen_keys]
        chosen += [f"w_{each}" for each in self._look.chosen_columns]
        covers = "and (r.{column} is null or s.{own} = any (r.{column}))"
        return fill(
            STATEMENT,
            sql_chosen="".join(fill(", {column}", column=each) for each in chosen),
            sql_chosen_types="".join(fill(", {column} text[]", column=each) for each in chosen),
            sql_known=self._known(),
            sql_series=self._series(),
            sql_covers=" ".join(fill(covers, column=each, own=f"t_{each}") for each in chosen),
            sql_since="coalesce(run.since, f.at)" if by_readings else "null",
            sql_run=self._run() if by_readings else "",
        )

    def _known(self) -> str:
        keys, referred = self._look.keys, self._referred
        if not keys:
            return fill(ALONE, sql_label=literal(self._look.table))
        ids = (referred.id,) if referred else keys
        label = fill("concat_ws(', ', {columns})", columns=referred.label if referred else keys)
        if referred and referred.has_unit:
            label += " || coalesce(' (' || nullif(unit, '') || ')', '')"
        as_text = "cast({column} as text) as {name}"
        columns = [
            *(fill("{id} as {name}", id=id, name=f"k{n}") for n, id in enumerate(ids)),
            *(
                fill(as_text, column=ids[keys.index(each)], name=f"t_k_{each}")
                for each in self._look.chosen_keys
            ),
            *(fill(as_text, column=each, name=f"t_w_{each}") for each in self._look.chosen_columns),
            f"{label} as label",
        ]
        listed = ", ".join(columns)
        if referred:
            return fill(REFERRED, sql_columns=listed, table=referred.table)
        return fill(DISTINCT, sql_columns=listed, sql_union=self._recent())

    def _recent(self) -> str:
        """The keys of rollup and tail within the horizon."""
        keys, table, since = self._look.keys, self._look.table, HORIZON
        parts = []
        if self._rollup:
            levels = self._rollup.tables(table)
            (width, coarsest), finest = list(levels.items())[-1], next(iter(levels.values()))
            width = literal(width)
            parts.append(fill(ROLLED, keys=keys, table=coarsest, sql_since=since, sql_width=width))
            since = fill(AFTER_ROLLUP, sql_horizon=since, table=finest)
        parts.append(fill(RECENT, keys=keys, table=table, time=self._time, sql_since=since))
        return " union ".join(parts)

    def _series(self) -> str:
        newest = self._newest("n", HORIZON, ":now")
        match self._look.quantity:
            case "newest":
                what, join = OF_NEWEST, newest
            case "age":
                what, join = AGE, newest
            case "change":
                # One reading before, and not from before a hole.
                before = self._newest("b", f"n.at - 3 * {OVER}", f"n.at - {OVER}")
                what, join = CHANGE, newest + before
            case _:
                what, join = OF_WINDOW, self._window()
        pairs = [f"{literal(column)}, k.k{n}" for n, column in enumerate(self._look.keys)]
        return fill(SERIES, sql_pairs=", ".join(pairs), sql_what=what, sql_join=join)

    def _window(self) -> str:
        """Whole buckets of rollups, and rows for the rest."""
        look = self._look
        names = ", ".join(self._keys())
        since, parts = self._now - look.over, []
        for number, (table, start, until) in enumerate(self._levels(since)):
            amounts = {part: f"{look.value}_{part}" for part in ("n", "sum", "min", "max")}
            bounds = {"sql_start": f"start_{number}", "sql_until": f"until_{number}"}
            parts.append(fill(BUCKETS, sql_keys=names, table=table, **amounts, **bounds))
            self.bounds |= {f"start_{number}": start, f"until_{number}": until}
            since = until
        self.bounds["rows_since"] = since
        parts.append(
            fill(
                TAIL,
                sql_keys=", ".join(f"t.{label}" for label in self._labels),
                sql_rows=self._rows(),
                sql_finite=self._finite("t"),
            )
        )
        return fill(
            WINDOW,
            sql_keys=", ".join(self._labels),
            sql_value=VALUES[look.quantity],
            sql_parts=" union all ".join(parts),
            sql_same=self._same("w", "k"),
        )

    def _levels(self, since: datetime) -> Iterator[tuple[str, datetime, datetime]]:
        """The rollups' tables that can answer, coarsest first, each with its start and end."""
        levels = self._rollup.tables(self._look.table) if self._rollup else {}
        is_first = True
        for width, table in reversed(levels.items()):
            is_local = self._rollup.timezone is not None and width >= catalog.DAY
            if is_local or width * FEWEST_BUCKETS > self._look.over:
                continue
            if is_first:
                since -= (since - ORIGIN) % width
            # The newest one may not be complete.
            newest = statement.newest(Source(table, "bucket", width), since, self._now)
            until = self._session.scalar(newest)
            if until and until > since:
                yield table, since, until
                since, is_first = until, False

    def _newest(self, name: str, after: str, until: str) -> str:
        return fill(
            NEWEST,
            sql_name=name,
            sql_rows=self._rows(),
            sql_same=self._same("t", "k"),
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

    def _rows(self) -> str:
        """The rows as k0, k1 …, at, value."""
        look = self._look
        value = fill("cast({value} as float8)", value=look.value) if look.value else "null"
        columns = [
            *self._keys(),
            fill("{time} as at", time=self._time),
            f"{value} as value",
        ]
        return fill(ROWS, sql_columns=", ".join(columns), table=look.table)

    def _finite(self, name: str) -> str:
        """Nulls and what is not a finite number are no readings; NaN sorts last."""
        if self._look.value is None:
            return ""
        return f"and {name}.value between -{LARGEST} and {LARGEST}"

    def _keys(self) -> list[str]:
        named = enumerate(self._look.keys)
        columns = [fill("{column} as {name}", column=key, name=f"k{n}") for n, key in named]
        return columns or ["true as k0"]

    @property
    def _labels(self) -> list[str]:
        return [f"k{n}" for n, _ in enumerate(self._keys())]

    def _same(self, name: str, other: str) -> str:
        return " and ".join(f"{name}.{label} = {other}.{label}" for label in self._labels)
