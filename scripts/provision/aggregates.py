"""The SELECT of each rollup level: the same text on both editions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from timestack.series.catalog import DAY, Hypertable, Rollup, divides
from timestack.series.sql import fill, finite, interval_text, literal

# From rows. A null counts only in n, and so does NaN or an infinity, which would spoil any sum.
FROM_ROWS = (
    ("{v_n}", "count({v}) filter (where {sql_finite})"),
    ("{v_sum}", "sum({v}) filter (where {sql_finite})"),
    ("{v_min}", "min({v}) filter (where {sql_finite})"),
    ("{v_max}", "max({v}) filter (where {sql_finite})"),
    ("{v_first}", "first({v}, {time}) filter (where {sql_finite})"),
    ("{v_last}", "last({v}, {time}) filter (where {sql_finite})"),
)
# From the level below, which stands for the same rows.
FROM_LEVEL = (
    ("{v_n}", "sum({v_n})::bigint"),
    ("{v_sum}", "sum({v_sum})"),
    ("{v_min}", "min({v_min})"),
    ("{v_max}", "max({v_max})"),
    ("{v_first}", "first({v_first}, {time}) filter (where {v_first} is not null)"),
    ("{v_last}", "last({v_last}, {time}) filter (where {v_last} is not null)"),
)
# Marks a rollup that leaves NaN and infinities out, which older ones did not.
FINITE = ", finite ones"
PARTS = ("n", "sum", "min", "max", "first", "last")


@dataclass(frozen=True)
class Level:
    """One table of a rollup: ``table`` holds buckets of ``width``, computed from ``source``."""

    table: str
    width: timedelta
    source: str
    source_time: str
    from_rows: bool
    rollup: Rollup
    hypertable: Hypertable
    hypertable_name: str
    zone: str | None

    def bucket(self, time: str) -> str:
        """SQL of the start of the bucket that holds ``time``, which is SQL as well."""
        zone = f", {literal(self.zone)}" if self.zone else ""
        return f"time_bucket({literal(self.width)}, {time}{zone})"

    def after(self, time: str) -> str:
        """SQL of the start of the bucket after the one that holds ``time``."""
        if self.zone is None:
            return f"{self.bucket(time)} + {literal(self.width)}"
        # A local day has 23 or 25 hours twice a year, so it is added to the local time.
        zone = literal(self.zone)
        local = f"{self.bucket(time)} at time zone {zone} + {literal(self.width)}"
        return f"({local}) at time zone {zone}"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the table's columns, in order."""
        values = (f"{value}_{part}" for value in self.rollup.values for part in PARTS)
        return ("bucket", *self.rollup.keys, "n", *values)

    @property
    def comment(self) -> str:
        """What the table is, for a person; the next plan compares it with the file."""
        return (
            f"timestack rollup of {self.hypertable_name}: {interval_text(self.width)} "
            f"from {self.source}, keys ({', '.join(self.rollup.keys)}), "
            f"values ({', '.join(self.rollup.values)}){FINITE}"
            + (f", days of {self.zone}" if self.zone else "")
        )

    @property
    def former_comment(self) -> str:
        """What the comment was when NaN and infinities still counted as values."""
        return self.comment.replace(FINITE, "")

    def select(self, where: str = "") -> str:
        """The query that computes the level; ``where`` is SQL put before GROUP BY."""
        bucket = self.bucket(fill("{time}", time=self.source_time))
        keys = "".join(", " + fill("{key}", key=key) for key in self.rollup.keys)
        count = "count(*)" if self.from_rows else "sum(n)::bigint"
        outputs = [f"{bucket} as bucket{keys}", f"{count} as n"]
        for value in self.rollup.values:
            names = {"v": value, "time": self.source_time}
            names |= {f"v_{part}": f"{value}_{part}" for part in PARTS}
            names["sql_finite"] = finite(value)
            outputs += [
                fill(f"{expression} as {output}", **names)
                for output, expression in (FROM_ROWS if self.from_rows else FROM_LEVEL)
            ]
        return fill(
            "select {sql_outputs}\n  from {source:relation}{sql_where}\n"
            " group by {sql_bucket}{sql_keys}",
            sql_outputs=",\n       ".join(outputs),
            source=self.source,
            sql_where=f"\n {where}" if where else "",
            sql_bucket=bucket,
            sql_keys=keys,
        )


def levels(name: str, hypertable: Hypertable) -> list[Level]:
    """Every rollup table of a hypertable, each after the one it is computed from."""
    result = []
    for rollup in hypertable.rollups:
        below: Level | None = None
        for width, table in rollup.tables(name).items():
            zone = rollup.timezone if width >= DAY else None
            if below and zone and not below.zone and not divides(below.width, zone):
                # Its buckets lie across the zone's midnight, so the days are made of rows.
                below = None
            source, time = (below.table, "bucket") if below else (name, hypertable.time)
            below = Level(table, width, source, time, below is None, rollup, hypertable, name, zone)
            result.append(below)
    return result
