"""Tables as the database would describe them, and ways to read a body for one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from tests.stack import ROOT
from timestack.domains.load.table import Column, Table
from timestack.ingest.batch import SERIES, Batch, Refused
from timestack.ingest.body import Stream
from timestack.ingest.sensors import Names
from timestack.ingest.target import Target
from timestack.ingest.times import Clock
from timestack.ingest.write import Read
from timestack.series import catalog

DECLARED = catalog.load(ROOT / "services/timescaledb/schema/hypertables.yaml").hypertables


def column(name: str, type: str, base: str, *, required: bool = True) -> Column:
    return Column(name, type, base, required, required, generated=False)


def table(name: str, *columns: Column, key: Sequence[str]) -> Target:
    described = Table(
        name,
        columns,
        (tuple(key),),
        "time",
        foreseeable=True,
        has_triggers=False,
        in_columns=False,
        interval=None,
    )
    bounds = DECLARED[name].bounds if name in DECLARED else {}
    return Target(name, described, bounds, tuple(key))


TIME = column("time", "timestamp with time zone", "timestamptz")
READINGS = table(
    "readings",
    TIME,
    column("sensor_id", "integer", "int4"),
    column("value", "double precision", "float8"),
    key=("sensor_id", "time"),
)
EVENTS = table(
    "events",
    TIME,
    column("key", "integer", "int4"),
    column("level", "double precision", "float8", required=False),
    column("count", "bigint", "int8", required=False),
    column("note", "text", "text", required=False),
    column("good", "boolean", "bool", required=False),
    column("cost", "numeric(8,2)", "numeric", required=False),
    column("day", "date", "date", required=False),
    key=("key", "time"),
)


@dataclass
class Found:
    """What a body was read as: the rows in their order, and the reason for each bad line."""

    rows: list[dict]
    refused: dict[int, str]
    batches: list[Batch]


def read(
    read: Read, body: str | bytes, target: Target = READINGS, unit: str | None = "ns"
) -> Found:
    data = body if isinstance(body, bytes) else body.encode(errors="surrogatepass")
    names, refused = Names(), Refused()
    clock = Clock(unit, target.bounds.get("time"))
    batches = read(Stream(io.BytesIO(data)), target, clock, names, refused)
    rows = []
    for batch in batches:
        columns = {name: array.to_pylist() for name, array in batch.columns.items()}
        for at, line in enumerate(batch.lines.tolist()):
            row = {"line": line, **{name: values[at] for name, values in columns.items()}}
            if SERIES in row:
                row[SERIES] = names.series[row[SERIES]]
            rows.append(row)
    return Found(rows, dict(refused.shown()), batches)
