"""`make alerts`: what it prints, its exit status, and that it changes nothing and tells nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.db.conftest import SCHEMA_FILE, Database
from timestack.domains.alerts import rules
from timestack.shell.__main__ import main

pytestmark = pytest.mark.database

HOT = "rules: {hot: {table: readings, above: 30, clear: 25, message: Open the windows}}"
FILL = """
truncate sensors, readings, alerts, jobs restart identity cascade;
insert into sensors (type, location, name, unit) values ('temperature', 'cellar', 'wall', '°C');
insert into readings select now() - interval '1 minute', 1, {};
"""


@pytest.fixture
def file(tmp_path: Path, provisioned: Database, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The rules that `make alerts` reads; hypertables.yaml is beside them."""
    schema = tmp_path / "hypertables.yaml"
    schema.write_text(SCHEMA_FILE.read_text())
    for name, value in provisioned.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SCHEMA_FILE", str(schema))
    rules.current.cache_clear()
    found = tmp_path / "alerts.yaml"
    found.write_text(HOT)
    return found


def test_what_would_fire_now_is_shown_and_told_to_nobody(
    file: Path, provisioned: Database, capsys: pytest.CaptureFixture
) -> None:
    provisioned.sql(FILL.format(35))
    assert main(["alerts"]) == 2
    _, row = capsys.readouterr().out.splitlines()
    assert row.split()[:3] == ["firing", "hot", "warning"]
    assert "temperature, cellar, wall (°C)  35     above 30, until 25" in row
    assert main(["alerts", "now", "--json"]) == 2
    [found] = json.loads(capsys.readouterr().out)
    assert (found["state"], found["keys"], found["value"]) == ("firing", {"sensor_id": 1}, 35)
    assert provisioned.sql("select count(*) from alerts; select count(*) from jobs") == "0\n0"


def test_when_nothing_fires_it_says_so(
    file: Path, provisioned: Database, capsys: pytest.CaptureFixture
) -> None:
    provisioned.sql(FILL.format(20))
    assert main(["alerts"]) == 0
    assert capsys.readouterr().out == "nothing fires: 1 rules\n"


def test_a_rule_that_cannot_be_looked_at_is_named_and_the_others_are_shown(
    file: Path, provisioned: Database, capsys: pytest.CaptureFixture
) -> None:
    provisioned.sql(FILL.format(20))
    file.write_text(
        f"{HOT[:-1]}, high: {{table: datasets.d9, value: metres, above: 3, clear: 2}}}}"
    )
    assert main(["alerts", "check"]) == 0
    capsys.readouterr()
    assert main(["alerts"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "nothing fires: 2 rules\n"
    assert shown.err.startswith("high cannot be looked at: there is no dataset `datasets.d9` that")


def test_the_file_is_checked_without_a_database_and_each_fault_is_a_line(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("DATABASE_PORT", "1")
    assert main(["alerts", "check"]) == 0
    assert main(["alerts", "rules"]) == 0
    assert "Open the windows" in capsys.readouterr().out
    file.write_text("rules:\n  hot: {table: readings, abov: 3}\n  Cold: {}\n")
    rules.current.cache_clear()
    for words in (["check"], ["rules"], []):
        assert main(["alerts", *words]) == 2
    faults = capsys.readouterr().err.splitlines()
    assert f"{file}:2: rules.hot.abov: unknown key" in faults
    assert f"{file}:3: rules.Cold.table: is required" in faults
