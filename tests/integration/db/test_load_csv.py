"""CSV as other programs write it: taken as it was meant, or refused with what to do."""

from __future__ import annotations

import csv
import io
from zoneinfo import ZoneInfo

import pytest

from tests.integration.db.conftest import Database
from tests.integration.db.test_load import (
    HEADER,
    count,
    program,
    refused,
    row,
    rows,
    run,
)
from timestack.domains.load.errors import BadRowsError, LoadError

pytestmark = pytest.mark.database

ONE = "2026-01-01T00:00:00Z,1,1.5,,2\n"


def values(database: Database, columns: str = "key, value, note, amount") -> str:
    return database.sql(f"select {columns} from measures order by time, key")


# Lines and quotes


def test_lines_may_end_in_a_carriage_return_alone(measures: Database, write) -> None:
    text = (HEADER + row(0, note='"a\nb"') + row(1)).replace("\n", "\r")
    run(measures, write(text))
    assert values(measures, "key, note = E'a\\rb'") == "0|t\n1|"


@pytest.mark.parametrize("size", [2, 60_000], ids=["a small file", "a large file"])
def test_a_quote_escaped_by_a_backslash_joins_no_rows(measures: Database, write, size) -> None:
    text = rows(size - 2) + row(size - 2, note=r'"say \"hi\""') + row(size - 1, note=r'"\"ho\""')
    found = refused(measures, write(text))
    assert set(found) <= {size, size + 1}
    assert all(
        "a quote in an unquoted cell" in why or "never closed" in why for why in found.values()
    )
    assert all(r"use --escape '\'" in why for why in found.values())


def test_the_escape_can_be_named(measures: Database, write) -> None:
    text = (
        HEADER + row(0, note=r'"say \"hi\", C:\\"') + row(1, note='"a\\\nb"') + row(2, note=r"C:\x")
    )
    assert run(measures, write(text), escape="\\").read == 3
    assert measures.sql("select note from measures where key = 0") == r'say "hi", C:\ '.strip()
    assert measures.sql("select note = E'a\\nb' from measures where key = 1") == "t"
    assert measures.sql("select note from measures where key = 2") == r"C:\x"


def test_text_after_a_closing_quote_is_refused(measures: Database, write) -> None:
    found = refused(measures, write(HEADER + row(0, note='"a"b') + row(1, note='a"b"') + row(2)))
    assert list(found) == [2, 3]


# The header


def test_a_header_without_a_row_is_a_load_of_nothing(measures: Database, write) -> None:
    report = run(measures, write(HEADER))
    assert (report.read, report.written, count(measures)) == (0, 0, 0)


def test_a_column_can_be_left_out_by_name_or_number(measures: Database, write) -> None:
    file = write("time,key,colour,,note\n2026-01-01T00:00:00Z,1,red,x,n\n")
    with pytest.raises(LoadError, match=r"column 3 'colour' .*--ignore colour.*\n.*--ignore 4"):
        run(measures, file)
    run(measures, file, ignored=("colour", "4"))
    assert values(measures) == "1||n|"


def test_a_column_to_leave_out_must_be_there(measures: Database, write) -> None:
    with pytest.raises(LoadError, match="--ignore colour: the file has no such column"):
        run(measures, write(HEADER + ONE), ignored=("colour",))


def test_row_numbers_without_a_name_are_left_out(measures: Database, write) -> None:
    text = "," + HEADER + "".join(f"{number},{row(number)}" for number in range(20_000))
    report = run(measures, write(text))
    assert (report.written, report.omitted) == (20_000, (1,))
    assert measures.sql("select sum(value), count(amount) from measures") == "99995000|20000"


def test_a_delimiter_at_the_end_of_each_line_is_no_column(measures: Database, write) -> None:
    lines = (HEADER + row(0) + row(1)).replace("\n", ",\n")
    assert run(measures, write(lines)).omitted == (6,)
    measures.sql("truncate measures")
    assert "without a name" in refused(measures, write(lines + row(2, amount="2,3")))[4]


def test_no_error_lists_more_than_ten_of_anything(measures: Database, write) -> None:
    header = "time,key," + ",".join(f"c{number}" for number in range(500))
    with pytest.raises(LoadError) as caught:
        run(measures, write(header + "\n" + "," * 501 + "\n"))
    assert len(str(caught.value).splitlines()) == 12
    assert "... and 490 more" in str(caught.value)
    done = program(measures, str(write(HEADER + "".join(row(n, key="x") for n in range(50)))))
    assert done.stderr.count(b"invalid input syntax") == 10
    assert b"... and 40 more" in done.stderr


def test_the_first_line_of_excel_says_the_delimiter(measures: Database, write) -> None:
    run(measures, write("sep=;\r\n" + rows(3).replace(",", ";").replace("\n", "\r\n")))
    assert count(measures) == 3


# Numbers


def test_a_decimal_comma_is_asked_for_and_taken(measures: Database, write) -> None:
    file = write("time;key;value;amount\n2026-01-01T00:00:00Z;1;-1,5;2,25\n")
    assert "use --decimal ," in refused(measures, file)[2]
    run(measures, file, decimal=",")
    assert values(measures) == "1|-1.5||2.25"


def test_a_number_with_point_and_comma_is_never_guessed(measures: Database, write) -> None:
    file = write("time;key;value\n2026-01-01T00:00:00Z;1;1.234,5\n")
    assert "has a point" in refused(measures, file, decimal=",")[2]


@pytest.mark.parametrize("key", ["1_0", "0x10", "0b1", "1.5"])
def test_what_is_not_an_integer_in_decimal_digits_is_refused(measures, write, key: str) -> None:
    assert "key: " in refused(measures, write(HEADER + row(0, key=key)))[2]


@pytest.mark.parametrize("value", ["1_0", "0x10"])
def test_what_is_not_a_decimal_number_is_refused(measures: Database, write, value: str) -> None:
    assert "is not a decimal number" in refused(measures, write(HEADER + row(0, amount=value)))[2]
    assert "is not a decimal number" in refused(measures, write(HEADER + row(0, value=value)))[2]


def test_a_whole_number_with_a_point_is_an_integer(measures: Database, write) -> None:
    run(measures, write(HEADER + row(0, key="10.0") + row(1, key="1e2") + row(2)))
    assert values(measures, "key") == "2\n10\n100"


# Times


def test_times_are_read_as_postgresql_reads_them(measures: Database, write) -> None:
    cells = [
        *("2026-01-31 12:00:00 UTC", "2026-01-31t12:00:00z", "2026-01-31 12:00:00+0"),
        *("2026-01-31T24:00:00Z", "2026-1-31 12:00 +05:30", "2026/01/31 12:00:00.5-8"),
    ]
    run(measures, write("time,key\n" + "".join(f"{cell},{n}\n" for n, cell in enumerate(cells))))
    read = measures.sql("select time from measures order by key").splitlines()
    assert read == [measures.sql(f"select timestamptz '{cell}'") for cell in cells]


@pytest.mark.parametrize(
    ("unit", "cell"),
    [
        ("s", "1769860800"),
        ("ms", "1769860800000"),
        ("us", "1769860800000000"),
        ("ns", "1769860800000000000"),
    ],
)
def test_times_may_be_numbers_of_a_named_unit(measures, write, unit: str, cell: str) -> None:
    file = write(f"time,key\n{cell},1\n")
    assert f"use --epoch {unit}" in refused(measures, file)[2]
    run(measures, file, epoch=unit)
    assert values(measures, "time") == "2026-01-31 12:00:00+00"


def test_seconds_may_have_a_fraction(measures: Database, write) -> None:
    run(measures, write("time,key\n1769860800.25,1\n1.76986081e9,1\n"), epoch="s")
    assert values(measures, "time") == "2026-01-31 12:00:00.25+00\n2026-01-31 12:00:10+00"


@pytest.mark.parametrize(
    ("order", "cell", "time"),
    [
        ("dmy", "01/02/2026 13:45", "2026-02-01 13:45:00+00"),
        ("dmy", "1.2.2026 13:45:10.5", "2026-02-01 13:45:10.5+00"),
        ("mdy", "01/02/2026 01:45 PM", "2026-01-02 13:45:00+00"),
        ("mdy", "01/02/2026", "2026-01-02 00:00:00+00"),
    ],
)
def test_what_a_date_begins_with_is_given_and_never_guessed(
    measures: Database, write, order: str, cell: str, time: str
) -> None:
    file = write(f"time,key\n{cell},1\n")
    utc = ZoneInfo("UTC")
    assert "use --date-order dmy or mdy" in refused(measures, file, zone=utc)[2]
    run(measures, file, zone=utc, order=order)
    assert values(measures, "time") == time


def test_a_day_that_is_none_in_the_order_said_is_refused(measures: Database, write) -> None:
    file = write("time,key\n31/01/2026 00:00Z,1\n")
    assert "is not a time" in refused(measures, file, order="mdy")[2]


def test_rounding_to_the_microsecond_is_reported(measures: Database, write) -> None:
    text = "time,key\n2026-01-01T00:00:00.123456789Z,1\n2026-01-01T00:00:01.123456000Z,1\n"
    report = run(measures, write(text))
    assert (report.written, report.rounded) == (2, 1)
    assert values(measures, "time").startswith("2026-01-01 00:00:00.123457+00")
    measures.sql("truncate measures")
    assert b"rounded to the microsecond: 1\n" in program(measures, str(write(text))).stderr


# What is wrong, exactly


def test_the_same_file_twice_names_on_conflict(measures: Database, write) -> None:
    file = write(rows(20))
    run(measures, file)
    with pytest.raises(BadRowsError, match="20 bad rows") as caught:
        run(measures, file)
    assert "--on-conflict skip" in str(caught.value.rows[0])
    assert "key, time: 0, 2026-01-01 00:00:00+00 already exists" in str(caught.value.rows[0])


@pytest.mark.parametrize("on_conflict", ["error", "skip", "update"])
def test_a_reference_to_nothing_far_down_is_named_by_its_line(
    known_keys: Database, write, on_conflict: str
) -> None:
    text = rows(100_000) + row(100_000, key=77) + rows(10_000).removeprefix(HEADER)
    found = refused(known_keys, write(text.replace('"', "")), on_conflict=on_conflict)
    assert found.get(100_002) == 'key: 77 is not present in table "keys"'
    assert min(found) == 100_002


def test_lines_are_exact_where_cells_hold_line_breaks(known_keys: Database, write) -> None:
    text = HEADER + row(0, note='"a\nb\nc"') + "\n" + row(1) + row(2, key=77, note='"d\ne"')
    for on_conflict in ("error", "skip"):
        assert list(refused(known_keys, write(text), on_conflict=on_conflict)) == [7]


def test_bad_rows_of_different_kinds_are_all_named(known_keys: Database, write) -> None:
    run(known_keys, write(HEADER + row(0)))
    bad = [row(1, value="x"), row(0), row(3, key=77), row(4, amount="-1"), row(5, note='"a"b')]
    with pytest.raises(BadRowsError, match="5 bad rows") as caught:
        run(known_keys, write(HEADER + row(6) + "".join(bad)))
    messages = [str(each) for each in caught.value.rows]
    kinds = ["invalid input syntax", "already exists", "not present", "check constraint", "a quote"]
    assert [kind in line for kind, line in zip(kinds, messages, strict=True)] == [True] * 5
    assert not any("_hyper" in line for line in messages)


def test_a_quarantine_keeps_the_row_as_the_file_has_it(known_keys: Database, write) -> None:
    aside = io.StringIO()
    lines = ["1769860800;1;red;1,5", "1769860800;77;red;1,5", "1769860800;2;red;x"]
    text = "time;key;colour;value\n" + "\n".join(lines)
    report = run(
        known_keys, write(text), quarantine=aside, ignored=("colour",), epoch="s", decimal=","
    )
    assert (report.written, report.rejected) == (1, 2)
    kept = [each["row"] for each in csv.DictReader(io.StringIO(aside.getvalue()))]
    assert kept == lines[1:]
