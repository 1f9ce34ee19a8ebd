"""`python -m scripts.provision.load`: a CSV or Parquet file into a table.

A program of its own beside `python -m scripts.provision`, so that its memory holds nothing but the
load. All messages go to standard error: standard output is the quarantine's when asked for.

Exit code 0: loaded. 1: the database cannot be reached, or failed. 2: refused, nothing was loaded.
130: interrupted, nothing was loaded.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg2
import pyarrow as pa
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from scripts.provision import target
from scripts.provision.client import Client, Ending
from scripts.provision.errors import Refused
from timestack import db
from timestack.domains.load.errors import BadRowsError, LoadError, listed
from timestack.domains.load.run import CONNECTIONS, Options, Progress, Report, load
from timestack.domains.load.times import UNITS
from timestack.series import catalog, uploaded
from timestack.settings import SettingsError

# Seconds between two lines of progress where there is no terminal.
PLAIN_PERIOD = 5.0


def main(arguments: list[str] | None = None) -> int:
    # Arrow's own allocator keeps freed memory for a next time that is not larger.
    pa.set_memory_pool(pa.system_memory_pool())
    given = parser().parse_args(arguments)
    ending = None
    try:
        settings = target.settings(given.url, given.password_file, None)
        declared = catalog.current(settings.schema_file)
        is_dataset = uploaded.id_of(given.table) is not None
        if not is_dataset:
            require_offered(declared, given.table)
        room = {"database_pool_size": given.connections + CONNECTIONS}
        settings = settings.model_copy(update=room)
        engine = db.engine_from(settings, application_name="load", statement_timeout=0)
        if is_dataset:
            with engine.connect() as connection:
                require_offered(uploaded.every(connection, declared), given.table)
        ending = Ending(engine)
        return run(engine, given, ending)
    except (Refused, SettingsError, catalog.CatalogError) as error:
        _say(f"{error}\nnothing was loaded")
        return 2
    except KeyboardInterrupt:
        _say("interrupted: nothing was loaded")
        return 130
    except (SQLAlchemyError, psycopg2.Error) as error:
        if ending and ending.asked:
            _say("interrupted: nothing was loaded")
            return 130
        _say(f"{getattr(error, 'orig', None) or error}\nnothing was loaded")
        return 1
    finally:
        if ending:
            ending.over()


def require_offered(declared: catalog.Catalog, table: str) -> None:
    """Raise Refused for a table that the schema file does not offer for loading."""
    offered = declared.loadable()
    if table not in offered:
        names = ", ".join(sorted(offered))
        raise Refused(
            f"{table!r} is not offered for loading; these tables are: {names}. Of the others,"
            " hypertables.yaml offers a hypertable by having it, and a plain table by `load: true`"
        )


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "make load",
        usage="make load FILE=readings.csv.gz TABLE=readings ARGS='OPTION ...'",
        description="Load a CSV or Parquet file into a table: all of it or nothing.",
        allow_abbrev=False,
    )
    target.add_arguments(parser)
    parser.add_argument(
        "source",
        metavar="FILE",
        help='CSV, also in gzip, xz or bzip2, or Parquet; "-" reads standard input',
    )
    parser.add_argument("--table", required=True, metavar="TABLE", help="one of hypertables.yaml")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        type=_pair,
        metavar="FILE_COLUMN=TABLE_COLUMN",
        help="a column that has another name in the table; may be repeated",
    )
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="COLUMN",
        help="a column of the file to leave out, by name or by number from 1; may be repeated",
    )
    parser.add_argument(
        "--no-header",
        action="store_true",
        help="the first line is a row: all columns of the table, in its order",
    )
    parser.add_argument(
        "--escape",
        type=_character,
        metavar="CHARACTER",
        help="what escapes a quote within quotes, where it is not doubled: a backslash",
    )
    parser.add_argument(
        "--decimal", choices=(".", ","), default=".", help="the decimal mark of numbers"
    )
    parser.add_argument(
        "--epoch", choices=UNITS, help="times are numbers of this unit since 1970 (UTC)"
    )
    parser.add_argument(
        "--date-order",
        choices=("dmy", "mdy"),
        help="which comes first in dates that end with the year: the day or the month",
    )
    parser.add_argument(
        "--tz", type=_zone, metavar="ZONE", help="the zone of times without offset: Europe/Paris"
    )
    parser.add_argument(
        "--on-conflict",
        choices=("error", "skip", "update"),
        default="error",
        help="where a row's key is in the table: refuse the file, keep that row, or replace it",
    )
    parser.add_argument(
        "--quarantine",
        metavar="FILE",
        help='set bad rows aside, with line, column and reason; "-" is standard output',
    )
    parser.add_argument("--import-id", metavar="ID", help="load nothing twice under this id")
    parser.add_argument(
        "--connections", type=_count, default=2, metavar="N", help="COPY statements at once, 1 to 8"
    )
    parser.add_argument("--earliest", type=_day, metavar="DAY", help="refuse times before this")
    parser.add_argument("--latest", type=_day, metavar="DAY", help="refuse times after this")
    parser.add_argument(
        "--progress",
        choices=("auto", "bar", "plain"),
        default="auto",
        help="auto: ask the terminal",
    )
    # What `make load` passes on about itself and its file.
    parser.add_argument("--attached", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--name", type=_name, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    return parser


def run(engine: Engine, given: argparse.Namespace, ending: Ending) -> int:
    """Load one file; returns 0 when it is in, 2 when it is refused."""
    start = time.monotonic()
    try:
        with _quarantine(given.quarantine) as quarantine, _progress(given.progress) as progress:
            options = _options(given, quarantine)
            report = load(engine, options, _stdin(given, ending), progress, _say, ending.held)
    except BadRowsError as error:
        for line in listed([f"{given.name or given.source}: {row}" for row in error.rows]):
            _say(line)
        _say(
            f"{error}: nothing was loaded. Correct the file,"
            " or set bad rows aside with --quarantine FILE"
        )
        return 2
    except LoadError as error:
        _say(f"{error}\nnothing was loaded")
        return 2
    _summarize(given, report, time.monotonic() - start)
    return 0


def _stdin(given: argparse.Namespace, ending: Ending) -> BinaryIO:
    if not given.attached:
        return sys.stdin.buffer
    client = Client(ending)
    if given.source != "-":
        client.watch()
    return client


def _options(given: argparse.Namespace, quarantine: TextIO | None) -> Options:
    bounds = {
        name: bound
        for name in ("earliest", "latest")
        if (bound := getattr(given, name)) is not None
    }
    return Options(
        table=given.table,
        file=given.source,
        shown=given.name,
        size=given.size,
        renamed=dict(given.map),
        ignored=tuple(given.ignore),
        has_header=not given.no_header,
        escape=given.escape,
        decimal=given.decimal,
        epoch=given.epoch,
        order=given.date_order,
        zone=given.tz,
        on_conflict=given.on_conflict,
        quarantine=quarantine,
        import_id=given.import_id,
        lanes=given.connections,
        **bounds,
    )


def _summarize(given: argparse.Namespace, report: Report, seconds: float) -> None:
    for leftover in report.settled:
        _say(f"a killed load left {leftover}: done")
    if report.already:
        _say(f"import {report.import_id} is loaded already: nothing to do")
        return
    accepted = report.read - report.rejected
    _say(f"accepted {accepted:,} + rejected {report.rejected:,} = read {report.read:,}")
    for number in report.omitted:
        _say(f"column {number} has no name and was left out")
    if report.rounded:
        _say(f"times that were rounded to the microsecond: {report.rounded:,}")
    skipped = f", {report.skipped:,} skipped" if report.skipped else ""
    rate = report.read / seconds
    _say(
        f"{given.table}: {report.written:,} rows written{skipped} from {report.source}"
        f" in {seconds:.1f} s ({rate:,.0f} rows/s), import id {report.import_id}"
    )


@contextmanager
def _quarantine(name: str | None) -> Iterator[TextIO | None]:
    if name is None:
        yield None
    elif name == "-":
        yield sys.stdout
    else:
        try:
            opened = Path(name).open("w", newline="", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise LoadError(f"--quarantine {name}: {error.strerror}") from None
        with opened:
            yield opened


@contextmanager
def _progress(style: str) -> Iterator[Progress]:
    if style == "bar" or (style == "auto" and sys.stderr.isatty()):
        with tqdm(unit="B", unit_scale=True, unit_divisor=1024, dynamic_ncols=True) as bar:
            yield _bar(bar)
    else:
        yield _plain()


def _bar(bar: tqdm) -> Progress:
    def show(position: int, size: int | None, rows: int) -> None:
        bar.total = size
        seconds = max(bar.format_dict["elapsed"], 1e-9)
        bar.set_postfix_str(f"{rows:,} rows, {rows / seconds:,.0f} rows/s", refresh=False)
        bar.update(position - bar.n)

    return show


def _plain() -> Progress:
    start = shown = time.monotonic()

    def show(position: int, size: int | None, rows: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown < PLAIN_PERIOD:
            return
        shown = now
        rate = rows / (now - start)
        part = ""
        if size and position:
            left = (now - start) * (size - position) / position
            part = f", {position / size:.0%}, {left:.0f} s left"
        _say(f"{rows:,} rows read, {rate:,.0f} rows/s{part}")

    return show


def _say(text: str) -> None:
    # Above the bar, if there is one.
    tqdm.write(text, file=sys.stderr)
    sys.stderr.flush()


def _name(text: str) -> str:
    """A file's name may hold bytes that are not UTF-8."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _pair(text: str) -> tuple[str, str]:
    old, separator, new = text.partition("=")
    if not (old and separator and new):
        raise argparse.ArgumentTypeError(f"{text!r}: write FILE_COLUMN=TABLE_COLUMN")
    return old, new


def _character(text: str) -> str:
    if len(text) != 1 or not text.isascii() or text in '",;|\t\r\n':
        raise argparse.ArgumentTypeError(f"{text!r} is not one character, such as \\")
    return text


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time zone, such as Europe/Paris"
        ) from None


def _day(text: str) -> datetime:
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, such as 2026-01-31") from None
    return day if day.tzinfo else day.replace(tzinfo=UTC)


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 8:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 8")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
