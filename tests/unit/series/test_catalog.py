"""hypertables.yaml: what is refused, and that every fault is reported with line and key."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.stack import ROOT
from timestack.series import catalog

SCHEMA = ROOT / "services" / "timescaledb" / "schema"

GOOD = """
hypertables:
  readings:
    time: time
    chunk_interval: 7 days
    unique: [sensor_id, time desc]
    rollups:
      - keys: [sensor_id]
        values: [value]
        levels: [1 minute, 1 hour, 1 day]
      - keys: []
        values: [value]
        levels: [1 hour]
tables:
  sensors:
    grants:
      timestack_app: [select]
"""


def faults(text: str) -> list[str]:
    with pytest.raises(catalog.CatalogError) as error:
        catalog.parse(text, "file.yaml")
    return list(error.value.faults)


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_the_project_s_own_file_is_valid():
    assert "readings" in catalog.load(SCHEMA / "hypertables.yaml").hypertables


def test_rollup_tables_are_named_after_table_and_level():
    keyed, total = catalog.parse(GOOD).hypertables["readings"].rollups
    assert list(keyed.tables("readings").values()) == ["readings_1m", "readings_1h", "readings_1d"]
    assert total.tables("readings") == {timedelta(hours=1): "readings_total_1h"}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "time: time",
            "time: time\n    hue: red",
            "5: hypertables.readings.hue: unknown key",
        ),
        ("    time: time\n", "", "3: hypertables.readings.time: is required"),
        ("7 days", "1 month", "5: hypertables.readings.chunk_interval: '1 month' is no interval"),
        ("7 days", "0 days", "5: hypertables.readings.chunk_interval: '0 days' is no interval"),
        ("7 days", "7", "5: hypertables.readings.chunk_interval: 7 is no interval"),
        (
            "unique: [sensor_id, time desc]",
            "unique: [sensor_id]",
            "6: hypertables.readings.unique: must hold the time column `time`",
        ),
        (
            "unique: [sensor_id, time desc]",
            "unique: [sensor_id, time down]",
            "6: hypertables.readings.unique.1: is no column",
        ),
        (
            "[1 minute, 1 hour, 1 day]",
            "[1 hour, 90 minutes]",
            "10: hypertables.readings.rollups.0.levels: `90 minutes` is no multiple of the level",
        ),
        (
            "[1 minute, 1 hour, 1 day]",
            "[1 hour, 1 minute]",
            "10: hypertables.readings.rollups.0.levels: `1 minute` is no multiple of the level",
        ),
        (
            "keys: []",
            "keys: [sensor_id]",
            "11: hypertables.readings.rollups.1: its table `readings_1h` is a rollup of `readings`",
        ),
        (
            "  sensors:",
            "  readings_1d:",
            "8: hypertables.readings.rollups.0: its table `readings_1d` is table `readings_1d`",
        ),
        ("  sensors:", "  Sensors:", "15: tables.Sensors: is no name: use lower-case letters"),
        ("[select]", "[select, drop]", "17: tables.sensors.grants.timestack_app.1: Input should"),
        (
            "    unique:",
            "    retention: 30 days\n    unique:",
            "8: hypertables.readings.rollups: need `lateness`, because the table has `retention`",
        ),
        (
            "    unique:",
            "    lateness: 2 days\n    unique:",
            "6: hypertables.readings.lateness: must be at least three times `1 day`",
        ),
        (
            "    unique:",
            "    retention: 7 days\n    lateness: 7 days\n    unique:",
            "7: hypertables.readings.lateness: must be shorter than `retention`",
        ),
        (
            "    unique:",
            "    partition: {column: site, count: 4}\n    unique:",
            "7: hypertables.readings.unique: must hold the partition column `site`",
        ),
        (
            "    time: time",
            "    time: time\n    time: at",
            "5: hypertables.readings.time: is written twice, first in line 4",
        ),
        ("hypertables:", "hypertables: [", "not YAML"),
        ("7 days", "'7 days\n", "not YAML"),
    ],
)
def test_a_fault_is_reported_with_file_line_and_key(old, new, fault):
    found = faults(changed(old, new))
    assert any(each.startswith("file.yaml:") and fault in each for each in found), found


def test_all_faults_are_reported_at_once():
    text = changed("7 days", "1 month").replace("keys: []", "key: []")
    found = "\n".join(faults(text))
    assert "chunk_interval" in found
    assert "rollups.1.key: unknown key" in found
    assert "rollups.1.keys: is required" in found
    assert len(faults(text)) == 3


def test_a_fault_in_one_table_hides_none_in_another():
    text = GOOD + "  other:\n    hue: red\n"
    text = text.replace("[1 minute, 1 hour, 1 day]", "[1 hour, 90 minutes]")
    found = faults(text)
    assert any("tables.other.hue: unknown key" in each for each in found)
    assert any("is no multiple" in each for each in found)


@pytest.mark.parametrize("text", ["", "[]", "nothing", "hypertables:\n"])
def test_a_file_without_hypertables_is_refused(text):
    assert faults(text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(catalog.CatalogError, match=r"absent.yaml: No such file or directory"):
        catalog.load(tmp_path / "absent.yaml")


def test_the_json_schema_beside_the_file_is_current():
    stored = json.loads((SCHEMA / "hypertables.schema.json").read_text())
    assert stored == catalog.json_schema(), (
        "write it anew: python -m scripts.provision json-schema > "
        "services/timescaledb/schema/hypertables.schema.json"
    )
