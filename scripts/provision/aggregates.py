"""The SELECT of each rollup level: the same text on both editions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from timestack.series.catalog import Hypertable, Rollup
from timestack.series.sql import fill, interval_text, literal

# From rows. A null counts in n alone.
FROM_ROWS = (
    ("{v_n}", "count({v})"),
    ("{v_sum}", "sum({v})"),
    ("{v_min}", "min({v})"),
    ("{v_max}", "max({v})"),
    ("{v_first}", "first({v}, {time}) filter (where {v} is not null)"),
    ("{v_last}", "last({v}, {time}) filter (where {v} is not null)"),
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
            f"values ({', '.join(self.rollup.values)})"
        )

    def select(self, where: str = "") -> str:
        """The query that computes the level; ``where`` is SQL put before GROUP BY."""
        bucket = fill(
            "time_bucket({sql_width}, {time})",
            sql_width=literal(self.width),
            time=self.source_time,
        )
        keys = "".join(", " + fill("{key}", key=key) for key in self.rollup.keys)
        count = "count(*)" if self.from_rows else "sum(n)::bigint"
        outputs = [f"{bucket} as bucket{keys}", f"{count} as n"]
        for value in self.rollup.values:
            names = {"v": value, "time": self.source_time}
            names |= {f"v_{part}": f"{value}_{part}" for part in PARTS}
            outputs += [
                fill(f"{expression} as {output}", **names)
                for output, expression in (FROM_ROWS if self.from_rows else FROM_LEVEL)
            ]
        return fill(
            "select {sql_outputs}\n  from public.{source}{sql_where}\n"
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
        source, time, from_rows = name, hypertable.time, True
        for width, table in rollup.tables(name).items():
            result.append(Level(table, width, source, time, from_rows, rollup, hypertable, name))
            source, time, from_rows = table, "bucket", False
    return result
