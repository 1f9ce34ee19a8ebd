"""What is guessed of files of every kind, and what is said of those that make no table."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings

from timestack.domains.uploads.layout import MOST_COLUMNS, Layout
from timestack.domains.uploads.names import names
from timestack.domains.uploads.preview import Preview, preview_of
from timestack.domains.uploads.problems import MOST_OF_ONE
from timestack.domains.uploads.sample import UnfinishedError

Look = Callable[..., Preview]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Previews what a file holds."""

    def preview(
        data: str | bytes, *, complete: bool = True, layout: Layout | None = None
    ) -> Preview:
        file = tmp_path / "upload"
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
        return preview_of(str(file), "power.csv", complete=complete, layout=layout)

    return preview


def rows(*lines: str, head: str = "time,value") -> str:
    return "\n".join((head, *lines, ""))


def hours(line: str, count: int = 20) -> list[str]:
    """A line for each hour, with that in place of {}."""
    return [line.format(f"{n:02}") for n in range(count)]


def types(found: Preview) -> str:
    return " ".join(each.type for each in found.columns)


def roles(found: Preview) -> str:
    return " ".join(each.role for each in found.columns)


def said(found: Preview) -> str:
    return "\n".join(each.detail for each in found.problems)


# Types and roles


@pytest.mark.parametrize(
    ("cells", "type"),
    [
        (["1", "-2", "+3"], "integer"),
        (["1", "2.5", "3e-7"], "number"),
        (["1.0", "2.0"], "integer"),
        (["9223372036854775808", "1.5"], "number"),
        (["007", "010"], "text"),
        (["true", "f", "NO"], "boolean"),
        (["1", "0"], "integer"),
        (["1", "", "NaN", "NA"], "integer"),
        (["a", "1"], "text"),
        (["12:30", "13:30"], "text"),
        (["0x10", "1_000"], "text"),
        (["", ""], "text"),
    ],
)
def test_a_column_has_the_type_that_its_cells_have(look: Look, cells: list[str], type: str) -> None:
    found = look(rows(*(f"2026-01-01T{n:02}:00:00Z,{cell}" for n, cell in enumerate(cells))))
    assert types(found) == f"time {type}"


@pytest.mark.parametrize(
    ("cell", "form", "first", "given"),
    [
        ("2026-01-31T{}:00:00Z", "ISO 8601", "2026-01-31T00:00:00Z", {}),
        ("2026-01-31T{}:00:00+01:00", "ISO 8601", "2026-01-30T23:00:00Z", {}),
        ("2026-01-31 {}:00", "ISO 8601", "2026-01-31T00:00:00Z", {"zone": "UTC"}),
        ("2026-01-31T{}:00:00.1234567Z", "ISO 8601", "2026-01-31T00:00:00.123457Z", {}),
        ("31.01.2026 {}:00", "day, month, year", "2026-01-31T00:00:00Z", {"order": "dmy"}),
        ("01/31/2026 {}:00", "month, day, year", "2026-01-31T00:00:00Z", {"order": "mdy"}),
        ("01/02/2026 {}:00", "day, month, year", "2026-02-01T00:00:00Z", {"order": "dmy"}),
        ("17698752{}", "seconds since 1970", "2026-01-31T16:00:00Z", {"epoch": "s"}),
        ("17698752{}000", "milliseconds since 1970", "2026-01-31T16:00:00Z", {"epoch": "ms"}),
        ("17698752{}000000", "microseconds since 1970", "2026-01-31T16:00:00Z", {"epoch": "us"}),
        ("17698752{}000000000", "nanoseconds since 1970", "2026-01-31T16:00:00Z", {"epoch": "ns"}),
        ("17698752{}.5", "seconds since 1970", "2026-01-31T16:00:00.500000Z", {"epoch": "s"}),
    ],
)
def test_times_are_found_however_they_are_written(
    look: Look, cell: str, form: str, first: str, given: dict[str, str]
) -> None:
    found = look(rows(*(f"{each},1" for each in hours(cell))))
    assert (found.columns[0].format, found.first[0][0]) == (form, first)
    assert found.layout.model_dump(include=set(given)) == given


@pytest.mark.parametrize(
    ("head", "line", "expected"),
    [
        ("time,degrees,value", "2026-01-01T{}:00Z,7,1.5", "time value value"),
        ("time,sensor,value", "2026-01-01T{}:00:00Z,7,1.5", "time key value"),
        ("time,station,value", "2026-01-01T{}:00:00Z,north,2", "time key value"),
        ("value,time", "1.{},2026-01-01T{}:00:00Z", "value time"),
        (",time,value", "{},2026-01-01T{}:00:00Z,3", "ignored time value"),
        ("time,value,", "2026-01-01T{}:00:00Z,3,", "time value ignored"),
        ("id,ts", "5,17698752{}", "key time"),
        ("end,start,value", "2026-01-01T{}:30:00Z,2026-01-01T{}:00:00Z,3", "time value value"),
    ],
)
def test_a_column_has_the_role_that_its_name_and_cells_suggest(
    look: Look, head: str, line: str, expected: str
) -> None:
    lines = [line.replace("{}", f"{n:02}") for n in range(20)]
    assert roles(look(rows(*lines, head=head))) == expected


@pytest.mark.parametrize(
    ("text", "delimiter", "decimal", "header"),
    [
        ("time;v\n2026-01-01;1,5\n2026-01-02;2,5\n", ";", ",", True),
        ("time\tv\n2026-01-01\t1.5\n2026-01-02\t2\n", "\t", ".", True),
        ("time|v|w\n2026-01-01|1,5|a,b\n2026-01-02|2,5|c\n", "|", ",", True),
        ("sep=;\ntime;v\n2026-01-01;1\n2026-01-02;2\n", ";", ".", True),
        ("2026-01-01,1\n2026-01-02,2\n", ",", ".", False),
        ("\ufefftime,v\r\n2026-01-01,1\r\n2026-01-02,2\r\n", ",", ".", True),
        ('time,v\n2026-01-01,"a, ""b"""\n2026-01-02,c\n', ",", ".", True),
        ("time,v\r2026-01-01,1\r2026-01-02,2\r", ",", ".", True),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_the_spelling_of_other_programs_is_recognized(
    look: Look,
    text: str,
    delimiter: str,
    decimal: str,
    header: bool,
    pack: Callable[[bytes], bytes],
) -> None:
    found = look(pack(text.encode()))
    layout = found.layout
    assert (layout.delimiter, layout.decimal, layout.header) == (delimiter, decimal, header)
    assert [row[0] for row in found.first] == ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]
    assert found.rows == 2


def test_a_backslash_before_quotes_and_utf_16_are_recognized(look: Look) -> None:
    found = look('time,v\n2026-01-01,"a \\"b\\""\n2026-01-02,c\n'.encode("utf-16"))
    assert found.layout.escape == "\\"
    assert found.first[0][1] == 'a "b"'


def test_parquet_keeps_the_types_that_it_declares(look: Look, tmp_path: Path) -> None:
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    table = pa.table(
        {
            "at": pa.array([moment] * 3, pa.timestamp("ns", "Europe/Paris")),
            "zip": ["07001", "10001", "20001"],
            "digits": ["1", "2", "3"],
            "whole": [1.0, 2.0, None],
            "count": [1, 2, None],
            "good": [True, None, False],
            "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
            "big": pa.array([1, 2, 3], pa.uint64()),
        }
    )
    pa.parquet.write_table(table, tmp_path / "x.parquet")
    data = (tmp_path / "x.parquet").read_bytes()
    found = look(data)
    assert (found.format, found.rows) == ("Parquet", 3)
    assert types(found) == "time text text number integer boolean text number"
    assert found.first[0] == ["2026-01-31T12:00:00Z", "07001", "1", 1.0, 1, True, "a", 1.0]
    with pytest.raises(UnfinishedError, match="read from its end"):
        look(data[:-20], complete=False)
    assert said(look(data[:-20])).startswith("Not a sound Parquet file")


# What is wrong


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "The file is empty."),
        (b"\n\n\n", "The file is empty."),
        ("time,value\n", "There is no row below the header."),
        ("hello\nworld\n", "There is one column"),
        ("a,b\nx,1\ny,2\n", "No column holds times"),
        ("<!DOCTYPE html><p>a,b</p>", "HTML"),
        ('{"time": 1, "value": 2}\n', "JSON"),
        (b"PK\x03\x04 a zip, of something", "a ZIP archive"),
        (b"PK\x03\x04[Content_Types].xml", "an Excel file (.xlsx)"),
        (b"\x28\xb5\x2f\xfd", "packed by zstd"),
        (gzip.compress(b"PK\x03\x04...", mtime=0), "a ZIP archive within gzip"),
        (gzip.compress(gzip.compress(b"x", mtime=0), mtime=0), "packed twice"),
        (gzip.compress(b"PAR1....", mtime=0), "Parquet within gzip"),
        (gzip.compress(b"time,value\n2026-01-01,1\n" * 1000)[:-9], "cut short"),
        (gzip.compress(b"time,value\n" + b"2026-01-01,1\n" * 200_000)[:-9], "cut short"),
        (b"PAR1 and nothing else", "Not a sound Parquet file"),
        (b"caf\xe9,b\n1,2\n", "0xe9 at byte 3 of the text is not UTF-8"),
        (b"ab\0,c\n1,2\n", "NUL byte"),
        (b"\xff\xfe\x00", "not UTF-16"),
        (
            ",".join(f"c{n}" for n in range(2000)),
            f"2,000 columns, and a table of it {MOST_COLUMNS}",
        ),
        ('time,"value\n2026-01-01,1\n', "a quote is opened and never closed"),
    ],
)
def test_what_makes_no_table_is_refused_in_words_that_help(
    look: Look, data: str | bytes, text: str
) -> None:
    found = look(data)
    [stopping] = [each for each in found.problems if each.stops][-1:]
    assert text.lower() in stopping.detail.lower()
    # The options of `make load` are not those of an upload.
    assert "--" not in said(found)
    assert "make load" not in said(found)
    assert found.layout is None or found.columns


def test_a_wide_parquet_file_is_refused_before_its_rows_are_read(
    look: Look, tmp_path: Path
) -> None:
    wide = pa.table({f"c{n}": [n] for n in range(2000)})
    pa.parquet.write_table(wide, tmp_path / "x.parquet")
    assert "2,000 columns" in said(look((tmp_path / "x.parquet").read_bytes()))


def test_each_fault_has_its_line_and_the_rest_is_read(look: Look) -> None:
    lines = hours("2026-01-01T{}:00:00Z,1")
    lines[3], lines[5], lines[7] = "2026-01-01T03:00:00Z,x", "a,b,c", ",1"
    lines[9] = "2026-01-32T09:00:00Z,1"
    found = look(rows(*lines))
    shown = {each.line: (each.column, each.detail) for each in found.problems}
    assert shown == {
        5: ("value", "'x' is not an integer."),
        7: (None, "3 cells, the header has 2."),
        9: ("time", "Is empty, and each row needs a time."),
        11: (
            "time",
            "'2026-01-32T09:00:00Z' is not a time in ISO 8601, such as 2026-01-31T12:00:00Z.",
        ),
    }
    assert found.columns[1].sure == pytest.approx(18 / 19, abs=1e-3)
    assert found.layout is not None
    assert (found.first[3], found.looked_at) == (["2026-01-01T03:00:00Z", None], 19)


def test_a_column_of_faults_does_not_fill_the_list(look: Look) -> None:
    found = look(rows(*hours("2026-01-01T{}:00:00Z,1"), *["2026-01-02T00:00:00Z,x"] * 2))
    assert len([each for each in found.problems if each.column == "value"]) == 2
    commas = found.layout.model_copy(update={"decimal": ","})
    found = look(rows(*hours("2026-01-01T{}:00:00Z,1.5")), layout=commas)
    assert len(found.problems) == MOST_OF_ONE


def test_labels_that_repeat_or_are_code_have_names_of_their_own(look: Look) -> None:
    head = '`time; drop table`,Wert,Wert,SELECT,,温度,"a ""b""",n,wert_sum,' + "x" * 60
    found = look(rows("2026-01-01T00:00:00Z,1,2,3,4,5,6,7,8,9", head=head))
    given = [each.name for each in found.columns]
    assert given[:8] == [
        "time_drop_table",
        "wert",
        "wert_2",
        "select_2",
        "column_5",
        "column_6",
        "a_b",
        "n_2",
    ]
    assert given[8] == "wert_sum_2"
    assert given[9] == "x" * 40
    assert found.columns[0].label == "`time; drop table`"
    assert "Columns 2, 3 have the name 'Wert'" in said(found)
    assert found.layout is not None


@given(st.lists(st.text(max_size=70), min_size=2, max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_labels_make_a_valid_layout(labels: list[str]) -> None:
    columns = [
        {"label": "", "name": name, "type": "number", "role": "value"} for name in names(labels)
    ]
    columns[0] |= {"type": "time", "role": "time"}
    assert len(Layout.model_validate({"columns": columns}).kept) == len(labels)


def test_mixed_zones_are_remarked_with_a_line(look: Look) -> None:
    lines = hours("2026-01-01T{}:00:00+01:00,1")
    lines[4] = "2026-01-01T04:30:00,1"
    found = look(rows(*lines))
    [problem] = found.problems
    assert (problem.line, problem.column) == (6, "time")
    assert "1 of 20 times do not say their zone" in problem.detail
    assert found.columns[0].zone == "+01:00, UTC"
    paris = found.layout.model_copy(update={"zone": "Europe/Paris"})
    assert look(rows(*lines), layout=paris).first[4][0] == "2026-01-01T03:30:00Z"
    none = found.layout.model_copy(update={"zone": None})
    assert "no offset from UTC" in said(look(rows(*lines), layout=none))


def test_hours_that_a_zone_skips_or_repeats_are_problems_of_a_corrected_layout(look: Look) -> None:
    text = rows("2026-03-29 02:30,1", "2026-10-25 02:30,2", "2026-10-25 04:30,3")
    paris = look(text).layout.model_copy(update={"zone": "Europe/Paris"})
    found = look(text, layout=paris)
    assert [each.line for each in found.problems] == [2, 3]
    assert "was skipped in Europe/Paris" in found.problems[0].detail
    assert "came twice in Europe/Paris" in found.problems[1].detail


def test_days_that_may_be_months_are_remarked(look: Look) -> None:
    found = look(rows("01/02/2026,1", "02/02/2026,2"))
    assert found.columns[0].sure == 0.5
    assert "day or the month" in said(found)


def test_rows_that_no_key_tells_apart_are_remarked(look: Look) -> None:
    found = look(rows("2026-01-01T00:00:00Z,1.5", "2026-01-01T00:00:00Z,2.5"))
    [problem] = found.problems
    assert (problem.line, problem.detail[:41]) == (3, "This has the time and the keys of line 2,")


def test_a_layout_of_other_columns_is_refused(look: Look) -> None:
    layout = look(rows("2026-01-01T00:00:00Z,1")).layout
    found = look(rows("2026-01-01T00:00:00Z,1,2", head="a,b,c"), layout=layout)
    assert "The layout has 2 columns, and the file 3" in said(found)


def test_of_a_file_under_way_the_last_line_is_not_judged(look: Look) -> None:
    text = rows(*hours("2026-01-01T{}:00:00Z,1"))[:-5]
    assert [each.line for each in look(text).problems] == [21]
    found = look(text, complete=False)
    assert (found.problems, found.rows, found.looked_at) == ([], None, 19)


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_whatever_bytes_come_the_preview_answers(look: Look, data: bytes) -> None:
    for text in (data, b"time,value\n" + data, gzip.compress(data)):
        found = look(text)
        assert found.layout is not None or any(each.stops for each in found.problems)
        found.model_dump_json()
