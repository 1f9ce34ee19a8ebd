"""Loading files: what is taken, what is refused and with which words, and what a crash leaves."""

from __future__ import annotations

import csv
import gzip
import io
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy.orm import Session

from tests.integration.db.conftest import SCHEMA_FILE, Database
from tests.stack import ROOT, wait_until
from timestack.db import driver_connections
from timestack.domains.load import commit
from timestack.domains.load.errors import BadRowsError, LoadError
from timestack.domains.load.lanes import Lane
from timestack.domains.load.records import Block
from timestack.domains.load.run import Options, Report, load
from timestack.series import catalog, rollups

pytestmark = pytest.mark.database

HEADER = "time,key,value,note,amount\n"
T0 = datetime(2026, 1, 1, tzinfo=UTC)


def run(database: Database, file: Path | str, stdin: bytes = b"", **options) -> Report:
    engine = database.engine()
    try:
        return load(engine, Options("measures", str(file), **options), io.BytesIO(stdin))
    finally:
        engine.dispose()


def refused(database: Database, file: Path, **options) -> dict[int, str]:
    """What a refused file's bad rows are: line to reasons. The table must stay empty."""
    with pytest.raises(BadRowsError) as caught:
        run(database, file, **options)
    assert count(database) == 0
    return {row.line: "; ".join(map(str, row.faults)) for row in caught.value.rows}


def count(database: Database) -> int:
    return int(database.sql("select count(*) from measures"))


def row(number: int, **changes) -> str:
    """A good line: one row a minute, ten keys."""
    time = (T0 + timedelta(minutes=number // 10)).isoformat().replace("+00:00", "Z")
    cells = {"time": time, "key": number % 10, "value": number / 2, "note": "", "amount": "1.50"}
    return ",".join(str(cell) for cell in {**cells, **changes}.values()) + "\n"


def rows(count: int) -> str:
    return HEADER + "".join(row(number) for number in range(count))


# What is taken


def test_every_row_of_a_file_arrives_as_it_is(measures: Database, write) -> None:
    report = run(measures, write(rows(25_000)))
    assert (report.read, report.written, report.rejected) == (25_000, 25_000, 0)
    assert (
        measures.sql(
            "select count(*), count(distinct key), sum(value), min(time), max(time) from measures"
        )
        == "25000|10|156243750|2026-01-01 00:00:00+00|2026-01-02 17:39:00+00"
    )


def test_a_large_file_over_two_connections_is_one_transaction(measures: Database, write) -> None:
    report = run(measures, write(rows(150_000)))
    assert report.written == count(measures) == 150_000
    assert measures.sql("select count(*) from pg_prepared_xacts") == "0"
    assert (
        measures.sql("select rows, table_name, source from imports") == "150000|measures|rows.csv"
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_says_the_encoding(measures: Database, write, encoding: str) -> None:
    text = HEADER + row(0, note="Zürich ☀")
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    run(measures, write((mark + text).encode(encoding)))
    assert measures.sql("select note from measures") == "Zürich ☀"


def test_lines_may_end_as_on_windows(measures: Database, write) -> None:
    run(measures, write((HEADER + row(0, note="a") + row(1, note="b")).replace("\n", "\r\n")))
    assert measures.sql("select string_agg(note, '' order by key) from measures") == "ab"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(measures: Database, write, delimiter: str) -> None:
    run(measures, write(rows(10).replace(",", delimiter)))
    assert count(measures) == 10


def test_columns_are_found_by_name_in_any_order(measures: Database, write) -> None:
    run(measures, write("Value, KEY ,time\n7,3,2026-01-01T00:00:00Z\n"))
    assert measures.sql("select key, value from measures") == "3|7"


def test_a_column_of_another_name_is_mapped(measures: Database, write) -> None:
    file = write("when,key,reading\n2026-01-01T00:00:00Z,3,7\n")
    run(measures, file, renamed={"when": "time", "reading": "value"})
    assert measures.sql("select key, value from measures") == "3|7"


def test_a_file_that_is_said_to_have_no_header_holds_the_columns_of_the_table(
    measures: Database, write
) -> None:
    run(measures, write(row(0) + row(1)), has_header=False)
    assert count(measures) == 2


def test_a_file_without_a_header_is_not_loaded_unasked(measures: Database, write) -> None:
    with pytest.raises(LoadError, match=r"line 1 names no column .*--no-header .*time, key, value"):
        run(measures, write(row(0) + row(1)))
    assert count(measures) == 0


def test_an_empty_cell_is_null_and_a_quoted_one_is_text(measures: Database, write) -> None:
    run(measures, write(HEADER + row(0, note='""') + row(1, note="", value="")))
    assert (
        measures.sql("select key, note is null, value is null from measures order by key")
        == "0|f|f\n1|t|t"
    )


def test_a_quoted_cell_may_hold_delimiters_quotes_and_line_breaks(
    measures: Database, write
) -> None:
    run(measures, write(HEADER + row(0, note='"a,""b""\nc"') + row(1)))
    assert measures.sql("select note = E'a,\"b\"\\nc' from measures where key = 0") == "t"
    assert count(measures) == 2


def test_empty_lines_are_no_rows(measures: Database, write) -> None:
    report = run(measures, write(HEADER + row(0) + "\n\r\n" + row(1) + "\n"))
    assert (report.read, count(measures)) == (2, 2)


def test_a_formula_is_stored_as_it_is(measures: Database, write) -> None:
    run(measures, write(HEADER + row(0, note="=1+cmd|' /C calc'!A0")))
    assert measures.sql("select note from measures") == "=1+cmd|' /C calc'!A0"


def test_a_text_that_contains_nan_or_inf_is_a_text(measures: Database, write) -> None:
    run(measures, write(HEADER + row(0, note="Nancy informed")))
    assert measures.sql("select note from measures") == "Nancy informed"


def test_gzip_is_unpacked_whatever_its_name(measures: Database, write) -> None:
    run(measures, write(gzip.compress(rows(100).encode()), "rows.data"))
    assert count(measures) == 100


def test_standard_input_is_read(measures: Database) -> None:
    assert run(measures, "-", stdin=rows(100).encode()).written == count(measures) == 100


def test_parquet_is_read_batch_by_batch(measures: Database, tmp_path: Path) -> None:
    numbers = range(30_000)
    table = pa.table(
        {
            "time": pa.array(
                [T0 + timedelta(seconds=n) for n in numbers], pa.timestamp("us", "UTC")
            ),
            "key": pa.array(numbers, pa.int32()),
            "value": pa.array([None if n % 2 else n / 4 for n in numbers]),
            "note": pa.array(['he said "x", twice'] * len(numbers)).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=7000)
    assert run(measures, tmp_path / "rows.parquet").written == 30_000
    assert measures.sql("select sum(value), count(value), min(note) from measures") == (
        '112485000|15000|he said "x", twice'
    ).replace("112485000", str(sum(n / 4 for n in numbers if n % 2 == 0)).removesuffix(".0"))


def test_parquet_times_without_a_zone_follow_the_same_rule(measures: Database, tmp_path) -> None:
    table = pa.table({"time": pa.array([datetime(2026, 7, 1, 12)]), "key": pa.array([1])})  # noqa: DTZ001
    pq.write_table(table, tmp_path / "naive.parquet")
    with pytest.raises(BadRowsError):
        run(measures, tmp_path / "naive.parquet")
    run(measures, tmp_path / "naive.parquet", zone=ZoneInfo("Europe/Paris"))
    assert measures.sql("select time from measures") == "2026-07-01 10:00:00+00"


# What is refused, row by row


BAD = {
    "wrong type": (row(1, key="three"), 'key: invalid input syntax for type integer: "three"'),
    "out of the type's range": (row(1, key=2**31), "key: value"),
    "too many digits": (row(1, amount="12345.6"), "amount: numeric field overflow"),
    "too few cells": ("2026-01-01T00:00:00Z,1\n", "2 cells, the header has 5"),
    "too many cells": (row(1, amount="1,2"), "6 cells, the header has 5"),
    "NaN": (row(1, value="NaN"), "value: 'NaN' is not a number"),
    "infinity": (row(1, value="-Infinity"), "value: '-Infinity' is not a number"),
    "NaN as a decimal": (row(1, amount="nan"), "amount: 'nan' is not a number"),
    "a missing key": (row(1, key=""), "key: is empty and must have a value"),
    "a NUL byte": (row(1, note="a\0b"), "a NUL byte at byte"),
    "no time": (row(1, time="yesterday"), "time: 'yesterday' is not a time in ISO 8601"),
    "an infinite time": (row(1, time="infinity"), "time: 'infinity' is not a time in ISO 8601"),
    "a far future": (row(1, time="2226-01-01T00:00:00Z"), "time: '2226-01-01T00:00:00Z' is not"),
    "a distant past": (row(1, time="0026-01-01T00:00:00Z"), "time: '0026-01-01T00:00:00Z' is not"),
    "a year of five digits": (row(1, time="20260-01-01T00:00:00Z"), "is not a time in ISO 8601"),
    "no offset": (row(1, time="2026-01-01T00:00:00"), "has no offset from UTC"),
    "PostgreSQL's end mark": ("\\.\n", "ends the data for PostgreSQL"),
    "a broken check": (row(1, amount="-1"), "violates check constraint"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_is_named_by_line_and_reason_and_nothing_is_loaded(
    measures: Database, write, case: str
) -> None:
    bad, reason = BAD[case]
    found = refused(measures, write(HEADER + row(0) + bad + row(2)))
    assert list(found) == [3]
    assert reason in found[3]


@pytest.mark.parametrize("case", BAD)
def test_a_quarantine_sets_it_aside_and_the_rest_is_loaded(
    measures: Database, write, case: str
) -> None:
    bad, reason = BAD[case]
    aside = io.StringIO()
    report = run(measures, write(HEADER + row(0) + bad + row(2)), quarantine=aside)
    assert (report.read, report.written, report.rejected) == (3, 2, 1)
    assert count(measures) == 2
    (kept,) = csv.DictReader(io.StringIO(aside.getvalue()))
    assert kept["line"] == "3"
    assert reason.removeprefix(f"{kept['column']}: ") in kept["reason"]
    assert kept["row"] == bad.removesuffix("\n").replace("\0", "\\x00")


def test_every_fault_of_every_row_is_reported_at_once(measures: Database, write) -> None:
    found = refused(measures, write(HEADER + row(0, key="x", value="y") + row(1) + row(2, key="z")))
    assert list(found) == [2, 4]
    assert "key:" in found[2]
    assert "value:" in found[2]


def test_faults_far_apart_in_a_large_file_are_all_found(measures: Database, write) -> None:
    lines = [row(number) for number in range(60_000)]
    for at in (10, 30_000, 59_999):
        lines[at] = row(at, value="oops")
    assert list(refused(measures, write(HEADER + "".join(lines)))) == [12, 30_002, 60_001]


def test_a_byte_that_is_not_utf8_is_named_by_its_offset(measures: Database, write) -> None:
    data = (HEADER + row(0)).encode() + row(1, note="caf@").encode().replace(b"@", b"\xe9")
    found = refused(measures, write(data))
    assert found == {3: f"byte 0xe9 at byte {data.index(0xE9)} of the text is not UTF-8"}


def test_a_quote_that_is_never_closed_is_named_by_the_line_it_opens_on(
    measures: Database, write
) -> None:
    found = refused(measures, write(HEADER + row(0) + row(1, note='"open') + row(2)))
    assert found == {3: "a quote is opened and never closed"}


def test_an_open_quote_in_a_huge_file_ends_the_load_early(measures: Database, write) -> None:
    with pytest.raises(LoadError, match=r"line 2: .* is a quote left open"):
        run(measures, write(HEADER + row(0, note='"open') + "x" * (20 << 20)))


def test_a_line_of_ten_megabytes_is_a_row_like_another(measures: Database, write) -> None:
    run(measures, write(HEADER + row(0, note="x" * (10 << 20)) + row(1)))
    assert measures.sql("select max(length(note)) from measures") == str(10 << 20)


def test_bad_rows_without_end_stop_the_reading(measures: Database, write) -> None:
    # Of a few blocks; all rows of the first are looked at.
    bad = f"x,1,1,{'long ' * 60},1\n"
    with pytest.raises(BadRowsError, match="the rest was not read") as caught:
        run(measures, write(HEADER + bad * 15_000))
    assert not caught.value.complete


# What is refused as a whole


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "is empty"),
        ("time,key,colour\n2026-01-01T00:00:00Z,1,red\n", "column 3 'colour' is not in the table"),
        ("time,value\n2026-01-01T00:00:00Z,1\n", "column 'key' must have a value"),
        ("time,key,Time\n2026-01-01T00:00:00Z,1,2\n", "column 3 'time' is in the file twice"),
        (gzip.compress(rows(1000).encode())[:-500], "the gzip file is cut short"),
        (b"PAR1 but no more", "not a sound Parquet file"),
        ("\ufefftime".encode("utf-16-le")[:-1], "not UTF-16"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "bytes",
)
def test_a_file_of_no_use_is_refused_with_the_reason(
    measures: Database, write, data: str | bytes, message: str
) -> None:
    with pytest.raises(LoadError, match=message):
        run(measures, write(data))
    assert count(measures) == 0


def test_a_missing_file_is_named(measures: Database, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"nowhere\.csv: No such file"):
        run(measures, tmp_path / "nowhere.csv")


def test_a_parquet_file_with_nested_columns_is_refused(measures: Database, tmp_path: Path) -> None:
    table = pa.table({"time": [T0], "key": [1], "note": [["a", "b"]]})
    pq.write_table(table, tmp_path / "nested.parquet")
    with pytest.raises(LoadError, match=r"column 'note' is list.*one value"):
        run(measures, tmp_path / "nested.parquet")


def test_a_table_that_does_not_exist_is_named(measures: Database, write) -> None:
    with pytest.raises(LoadError, match="no table 'nothing'"):
        load(measures.engine(), Options("nothing", str(write(rows(1)))), io.BytesIO())


# Time zones


def test_local_times_are_read_in_the_zone_that_is_given(measures: Database, write) -> None:
    file = write("time,key\n2026-01-15 12:00,1\n2026-07-15 12:00:00.5,1\n")
    run(measures, file, zone=ZoneInfo("America/New_York"))
    assert measures.sql("select time from measures order by 1") == (
        "2026-01-15 17:00:00+00\n2026-07-15 16:00:00.5+00"
    )


def test_a_time_with_an_offset_keeps_it_whatever_the_zone(measures: Database, write) -> None:
    file = write("time,key\n2026-01-15T12:00:00Z,1\n2026-01-15 12:00,2\n")
    run(measures, file, zone=ZoneInfo("America/New_York"))
    assert measures.sql("select time from measures order by key") == (
        "2026-01-15 12:00:00+00\n2026-01-15 17:00:00+00"
    )


def test_hours_that_the_clocks_skipped_or_had_twice_are_reported(measures: Database, write) -> None:
    file = write("time,key\n2026-03-08 02:30,1\n2026-11-01 01:30,1\n2026-11-01 03:30,1\n")
    found = refused(measures, file, zone=ZoneInfo("America/New_York"))
    assert list(found) == [2, 3]
    assert "was skipped in America/New_York" in found[2]
    assert "came twice in America/New_York" in found[3]


def test_bounds_of_time_can_be_moved(measures: Database, write) -> None:
    file = write("time,key\n2226-01-01T00:00:00Z,1\n")
    run(measures, file, latest=datetime(2300, 1, 1, tzinfo=UTC))
    assert count(measures) == 1


# Conflicts


def test_a_key_that_is_in_the_table_is_an_error_by_default(measures: Database, write) -> None:
    run(measures, write(HEADER + row(5, note="old")))
    with pytest.raises(BadRowsError) as caught:
        run(measures, write(rows(20)))
    (bad,) = caught.value.rows
    assert bad.line == 7
    assert "already exists" in str(bad)
    assert measures.sql("select string_agg(note, '') from measures") == "old"


@pytest.mark.parametrize("value", [0, 99], ids=["the same value", "another value"])
def test_a_key_twice_in_the_file_is_an_error_by_default(measures: Database, write, value) -> None:
    assert list(refused(measures, write(rows(20) + row(0, value=value)))) == [22]


def test_a_key_twice_in_a_large_file_ends_the_load_and_not_in_a_deadlock(
    measures: Database, write
) -> None:
    (line,) = refused(measures, write(rows(100_000) + row(0)))
    assert line in (2, 100_002)


def test_a_quarantine_takes_the_second_row_of_a_key(measures: Database, write) -> None:
    aside = io.StringIO()
    file = write(rows(30_000) + row(7, note="again") + row(29_999, note="again"))
    report = run(measures, file, quarantine=aside)
    assert (report.read, report.written, report.rejected) == (30_002, 30_000, 2)
    assert [each["line"] for each in csv.DictReader(io.StringIO(aside.getvalue()))] == [
        "30002",
        "30003",
    ]


def test_skip_keeps_what_is_there_and_the_first_of_the_file(measures: Database, write) -> None:
    run(measures, write(HEADER + row(0, note="there")))
    file = write(
        HEADER + row(0, note="new") + row(1, note="first") + row(1, note="second") + row(2)
    )
    report = run(measures, file, on_conflict="skip")
    assert (report.read, report.written, report.skipped) == (4, 2, 2)
    assert measures.sql("select key, note from measures order by key") == "0|there\n1|first\n2|"


def test_update_takes_the_last_of_the_file(measures: Database, write) -> None:
    run(measures, write(HEADER + row(0, note="there")))
    file = write(
        HEADER + row(0, note="new") + row(1, note="first") + row(1, note="second") + row(2)
    )
    run(measures, file, on_conflict="update")
    assert measures.sql("select key, note from measures order by key") == "0|new\n1|second\n2|"


@pytest.mark.parametrize("on_conflict", ["skip", "update"])
def test_the_same_file_twice_changes_nothing(measures: Database, write, on_conflict: str) -> None:
    file = write(rows(60_000))
    digest = "select md5(string_agg(m::text, '' order by key, time)) from measures as m"
    run(measures, file, on_conflict=on_conflict)
    before = measures.sql(digest)
    assert run(measures, file, on_conflict=on_conflict).read == 60_000
    assert measures.sql(digest) == before
    assert measures.sql("select count(*) from pg_class where relname like 'timestack_load%'") == "0"


@pytest.mark.parametrize("on_conflict", ["skip", "update"])
def test_a_bad_row_is_found_before_the_merge(measures: Database, write, on_conflict: str) -> None:
    file = write(rows(20) + row(20, value="oops"))
    assert list(refused(measures, file, on_conflict=on_conflict)) == [22]


def test_a_table_without_a_key_cannot_skip(measures: Database, write) -> None:
    measures.sql("drop index measures_key_time_idx")
    with pytest.raises(LoadError, match="no unique key"):
        run(measures, write(rows(2)), on_conflict="skip")


@pytest.mark.parametrize("on_conflict", ["error", "skip", "update"])
def test_a_reference_to_nothing_is_named(known_keys: Database, write, on_conflict: str) -> None:
    file = write(rows(50) + row(50, key=77))
    found = refused(known_keys, file, on_conflict=on_conflict)
    assert found == {52: 'key: 77 is not present in table "keys"'}


@pytest.mark.parametrize("on_conflict", ["error", "skip", "update"])
def test_a_quarantine_finds_the_rows_that_refer_to_nothing(
    known_keys: Database, write, on_conflict: str
) -> None:
    aside = io.StringIO()
    file = write(rows(120_000) + row(500, key=77) + row(120_001) + row(502, key=78))
    report = run(known_keys, file, quarantine=aside, on_conflict=on_conflict)
    assert (report.read, report.written, report.rejected) == (120_003, 120_001, 2)
    found = [
        (each["line"], each["column"], each["reason"])
        for each in csv.DictReader(io.StringIO(aside.getvalue()))
    ]
    absent = 'is not present in table "keys"'
    assert found == [("120002", "key", f"77 {absent}"), ("120004", "key", f"78 {absent}")]


# Once, and all or nothing


def test_an_import_id_is_loaded_once(measures: Database, write) -> None:
    file = write(rows(20))
    assert run(measures, file, import_id="monday").written == 20
    again = run(measures, file, import_id="monday")
    assert again.already
    assert count(measures) == 20


def test_a_refused_load_does_not_use_up_its_import_id(measures: Database, write) -> None:
    refused(measures, write(HEADER + row(0, key="x")), import_id="monday")
    assert run(measures, write(rows(20)), import_id="monday").written == 20


def test_a_refused_load_leaves_no_chunk(measures: Database, write) -> None:
    refused(measures, write(rows(40_000) + row(0, key="x")))
    assert measures.sql("select count(*) from timescaledb_information.chunks") == "0"


def command(database: Database, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "scripts.provision.load", "--table", "measures", *arguments]


OFFERED = "hypertables: {measures: {time: time, chunk_interval: 1 day}}\n"


def environment(database: Database) -> dict[str, str]:
    secrets = database.server.secrets
    offered = secrets.parent / "measures.yaml"
    offered.write_text(OFFERED)
    return {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'services' / 'web'}",
        "TIMESTACK_ENV": "test",
        "SECRETS_DIR": str(secrets),
        "DATABASE_HOST": "localhost",
        "DATABASE_PORT": str(database.server.port),
        "DATABASE_NAME": database.name,
        "DATABASE_ROLE": "timestack_owner",
        "DATABASE_CA": str(secrets / "ca.pem"),
        "SCHEMA_FILE": str(offered),
    }


@pytest.mark.parametrize("on_conflict", ["error", "skip"])
def test_kill_9_in_the_middle_leaves_the_table_as_it_was(
    measures: Database, write, on_conflict: str
) -> None:
    run(measures, write(HEADER + row(0, time="2025-06-01T00:00:00Z")))
    loader = subprocess.Popen(
        command(measures, "--on-conflict", on_conflict, "-"),
        env=environment(measures),
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    # More than the blocks in flight, and no end: some rows are written, and none committed.
    loader.stdin.write(rows(120_000).encode())
    loader.stdin.flush()
    lanes = "from pg_stat_activity where application_name = 'load'"
    wait_until(
        lambda: int(measures.sql(f"select count(*) {lanes} and backend_xid is not null")),
        "rows are being written",
    )
    loader.send_signal(signal.SIGKILL)
    loader.wait()
    wait_until(lambda: measures.sql(f"select count(*) {lanes}") == "0", "its connections are gone")
    assert count(measures) == 1
    report = run(measures, write(rows(120_000)), on_conflict=on_conflict)
    assert report.written == 120_000
    leftovers = "select count(*) from pg_class where relname like 'timestack_load%'"
    assert measures.sql(leftovers) == "0"
    assert bool(report.settled) == (on_conflict == "skip")


def prepare(database: Database, import_id: str, happened: bool) -> str:
    """Leave what a loader leaves that is killed between its two commits, or before the first."""
    key = commit.key_of(import_id)
    record = f"insert into imports values ('{import_id}', 'measures', 'f', 1, now());"
    database.sql(
        "set role timestack_owner; begin; insert into measures values ('2026-01-01Z', 77);"
        f" prepare transaction 'timestack-load:{key}:1'; {record if happened else ''}"
    )
    return key


@pytest.mark.parametrize(("happened", "fate"), [(False, "rollback"), (True, "commit")])
def test_what_a_killed_load_left_in_doubt_is_settled_by_the_next(
    measures: Database, write, happened: bool, fate: str
) -> None:
    prepare(measures, "killed", happened)
    with driver_connections(measures.engine(), 1) as (connection,):
        (found,) = commit.leftovers(connection)
    assert found.fate == fate
    assert measures.sql("select count(*) from pg_prepared_xacts") == "1"
    report = run(measures, write(rows(20)))
    assert report.settled == (found,)
    assert measures.sql("select count(*) from pg_prepared_xacts") == "0"
    assert measures.sql("select count(*) from measures where key = 77") == str(int(happened))


def test_a_commit_that_cannot_be_prepared_leaves_nothing_prepared(measures: Database) -> None:
    with driver_connections(measures.engine(), 2) as opened:
        lanes = [Lane(each, "measures", ["time", "key"], ",", "UTC") for each in opened]
        lanes[0].copy(Block(1, 0, b"2026-01-01T00:00:00Z,1\n", 1))
        # What has touched a temporary table cannot be prepared.
        lanes[1].cursor.execute("create temporary table gone (x integer)")
        with pytest.raises(psycopg2.Error, match="temporary"):
            commit.commit(lanes, commit.key_of("never"))
    assert measures.sql("select count(*) from pg_prepared_xacts") == "0"
    assert count(measures) == 0


def test_a_load_that_is_alive_is_left_alone(measures: Database) -> None:
    key = prepare(measures, "alive", happened=False)
    with driver_connections(measures.engine(), 2) as (alive, other):
        commit.lock(alive, key)
        assert commit.leftovers(other) == []
        assert commit.recover(other) == []
        commit.unlock(alive, key)
        assert [found.fate for found in commit.recover(other)] == ["rollback"]


def test_two_loads_under_one_import_id_at_once_load_once(measures: Database, write) -> None:
    file = write(rows(60_000))
    loaders = [
        subprocess.Popen(
            command(measures, "--import-id", "both", str(file)),
            env=environment(measures),
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    outputs = [loader.communicate(timeout=300)[1].decode() for loader in loaders]
    assert [loader.returncode for loader in loaders] == [0, 0], outputs
    assert sum("is loaded already" in text for text in outputs) == 1
    assert count(measures) == 60_000


@pytest.mark.editions("apache", "timescale")
def test_what_was_loaded_reaches_the_rollups_and_no_more_is_computed(
    provisioned: Database, write
) -> None:
    provisioned.sql("insert into sensors (type, location, name, unit) values ('t', 'l', 'n', '1')")
    sensor = provisioned.sql("select min(id) from sensors")
    minutes = "".join(
        f"{(T0 + timedelta(minutes=number)).isoformat()},{sensor},{number}\n"
        for number in range(60_000)
    )
    engine = provisioned.engine()
    load(
        engine,
        Options("readings", str(write("time,sensor_id,value\n" + minutes))),
        io.BytesIO(),
    )
    with Session(engine) as session, session.begin():
        rollups.refresh_all(session, declared=catalog.load(SCHEMA_FILE))
    engine.dispose()
    assert (
        provisioned.sql("select count(*), sum(n), sum(value_sum), max(value_last) from readings_1d")
        == "42|60000|1799970000|59999"
    )


# The program


def program(database: Database, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess:
    return subprocess.run(
        command(database, *arguments),
        env=environment(database),
        input=stdin,
        capture_output=True,
        check=False,
    )


def test_the_program_prints_the_sum_and_ends_with_0(measures: Database, write) -> None:
    done = program(measures, str(write(rows(20))))
    assert done.returncode == 0, done.stderr
    assert b"accepted 20 + rejected 0 = read 20" in done.stderr
    assert b"20 rows written" in done.stderr


def test_the_program_names_bad_rows_and_ends_with_2(measures: Database, write) -> None:
    done = program(measures, str(write(HEADER + row(0, key="x"))))
    assert done.returncode == 2
    assert b"line 2: key: invalid input syntax" in done.stderr
    assert b"nothing was loaded" in done.stderr
    assert b"Traceback" not in done.stderr


def test_the_quarantine_may_be_standard_output(measures: Database) -> None:
    stdin = (HEADER + row(0, key="x") + row(1)).encode()
    done = program(measures, "--quarantine", "-", "-", stdin=stdin)
    assert done.returncode == 0
    assert b"accepted 1 + rejected 1 = read 2" in done.stderr
    assert done.stdout.decode().splitlines()[1].startswith("2,key,")


@pytest.mark.parametrize(
    "arguments",
    [["--map", "x"], ["--tz", "Mars/Olympus"], ["--connections", "0"], ["--latest", "soon"]],
    ids=lambda arguments: arguments[0],
)
def test_a_wrong_option_is_refused_with_an_example(
    measures: Database, write, arguments: list[str]
) -> None:
    done = program(measures, *arguments, str(write(rows(1))))
    assert done.returncode == 2
    assert arguments[1].encode() in done.stderr


# Chunks

HOURLY = "select set_chunk_time_interval('measures', interval '1 hour')"


def test_a_load_that_makes_thousands_of_chunks_warns_before_it_writes(
    measures: Database, write
) -> None:
    measures.sql(HOURLY)
    warned: list[tuple[str, str]] = []

    def warn(text: str) -> None:
        chunks = measures.sql("select count(*) from timescaledb_information.chunks")
        warned.append((text, chunks))

    times = [(T0 + timedelta(hours=number)).isoformat() for number in range(1_200)]
    file = write("time,key\n" + "".join(f"{time},1\n" for time in times))
    engine = measures.engine()
    report = load(engine, Options("measures", str(file)), io.BytesIO(), warn=warn)
    engine.dispose()
    ((text, before),) = warned
    assert "1,200 or more chunks of 1 hour" in text
    assert before == "0"
    assert report.written == 1_200
    assert measures.sql("select count(*) from timescaledb_information.chunks") == "1200"


@pytest.mark.parametrize("lanes", [1, 2])
def test_more_chunks_than_the_server_has_room_for_are_refused(
    measures: Database, write, lanes: int
) -> None:
    measures.sql("select set_chunk_time_interval('measures', interval '1 minute')")
    file = write(
        "time,key\n"
        + "".join(f"{(T0 + timedelta(minutes=n)).isoformat()},1\n" for n in range(30_000))
    )
    with pytest.raises(LoadError, match=r"in more than [\d,]+ chunks of 1 minute, .* in parts"):
        run(measures, file, lanes=lanes)
    assert measures.sql("select count(*) from timescaledb_information.chunks") == "0"
