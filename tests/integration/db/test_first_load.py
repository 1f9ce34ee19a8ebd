"""What the page of an empty database advises works when it is followed to the letter."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from dash.development.base_component import Component

from scripts.provision import load
from tests.integration.db.conftest import Database
from timestack.dash import sensors

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]

COMMAND = re.compile(r"make load FILE=(\S+) TABLE=(\S+)")
# A cell of each column that the page names.
CELLS = {
    "id": "1",
    "type": "wind",
    "location": "roof",
    "name": "speed",
    "unit": "m/s",
    "time": "2026-01-31T12:00:00Z",
    "sensor_id": "1",
    "value": "3.5",
}


def codes(component: Component) -> Iterator[str]:
    """What the page sets in type of a fixed width, in the reader's order."""
    for each in component._traverse():
        if isinstance(each, Component) and each._type == "Code":
            yield each.children


def test_the_advice_of_the_empty_page_ends_with_a_reading(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database.provision()
    for name, value in database.environment.items():
        monkeypatch.setenv(name, value)
    shown = list(codes(sensors.EMPTY))
    for text, columns in itertools.pairwise(shown):
        if step := COMMAND.match(text):
            names = columns.split(", ")
            file = tmp_path / step[1]
            file.write_text(f"{','.join(names)}\n{','.join(CELLS[name] for name in names)}\n")
            assert load.main([str(file), "--table", step[2]]) == 0
    row = "select s.name || ' ' || r.value from readings r join sensors s on s.id = r.sensor_id"
    assert database.sql(row) == "speed 3.5"
