"""What is declared of a dataset follows from its layout and from how dense its times are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from timestack.domains.datasets import declare
from timestack.domains.uploads.layout import Layout
from timestack.series import uploaded

TIME = {"label": "time", "name": "time", "type": "time", "role": "time"}
KEY = {"label": "key", "name": "key", "type": "text", "role": "key"}
VALUE = {"label": "value", "name": "value", "type": "number", "role": "value"}
NOTE = {"label": "note", "name": "note", "type": "text", "role": "value"}


def layout(*columns: dict) -> Layout:
    return Layout.model_validate({"columns": columns})


@pytest.mark.parametrize(
    ("step", "chunk", "levels"),
    [
        (timedelta(seconds=1), "7 days", ["1 minute", "1 hour", "1 day", "28 days"]),
        (timedelta(minutes=5), "364 days", ["1 hour", "1 day", "28 days"]),
        (timedelta(hours=1), "36400 days", ["1 day", "28 days"]),
        (timedelta(days=1), "36400 days", ["28 days"]),
        (timedelta(days=365), "36400 days", ["28 days"]),
    ],
)
def test_a_bucket_stands_for_several_rows_and_a_chunk_for_thousands(
    step: timedelta, chunk: str, levels: list[str]
) -> None:
    found = declare.declared(layout(TIME, KEY, VALUE), step)
    assert found["chunk_interval"] == chunk
    assert [each["levels"] for each in found["rollups"]] == [levels, levels]
    assert [each["keys"] for each in found["rollups"]] == [["key"], []]


def test_every_layout_declares_a_hypertable_without_a_fault() -> None:
    for columns in ((TIME, VALUE), (TIME, KEY, VALUE), (TIME, NOTE), (TIME, KEY, NOTE, VALUE)):
        for unique in (True, False):
            found = uploaded.hypertable(
                declare.declared(layout(*columns), unique=unique), "everybody"
            )
            assert [name for name, _ in found.types] == [each["name"] for each in columns]
            assert bool(found.unique) == unique
            assert bool(found.rollups) == (VALUE in columns)


def test_the_usual_step_is_that_of_one_series(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    rows = [f"2024-01-01T{hour:02d}:{n:02d}Z,{n},1\n" for hour in range(24) for n in range(20)]
    file.write_text("time,key,value\n" + "".join(rows) + "nonsense,1,1\n")
    assert declare.usual_step(layout(TIME, KEY, VALUE), file, "x.csv") == timedelta(hours=1)
    file.write_text("time,key,value\n2024-01-01T00:00Z,a,1\n")
    assert declare.usual_step(layout(TIME, KEY, VALUE), file, "x.csv") == declare.USUAL_STEP


@pytest.mark.parametrize(
    ("table", "id"),
    [
        ("datasets.d7", 7),
        ("datasets.d07", None),
        ("d7", None),
        ("datasets.d7_1h", None),
        ("datasets.d7;", None),
        ("readings", None),
    ],
)
def test_a_table_of_a_dataset_is_known_by_its_name(table: str, id: int | None) -> None:
    assert uploaded.id_of(table) == id
