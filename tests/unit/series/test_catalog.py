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


def test_a_name_too_long_for_the_function_that_drops_its_chunks_is_a_fault():
    name = "r" * 51
    text = "hypertables:\n  " + name + ":\n    time: time\n    chunk_interval: 7 days\n"
    assert catalog.parse(text)
    (fault,) = faults(f"{text}    retention: 90 days\n")
    assert "is longer than 50 characters, too long for a retention" in fault


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
        (
            "7 days",
            "1 month",
            "5: hypertables.readings.chunk_interval: '1 month' is not an interval",
        ),
        ("7 days", "0 days", "5: hypertables.readings.chunk_interval: '0 days' is not an interval"),
        ("7 days", "7", "5: hypertables.readings.chunk_interval: 7 is not an interval"),
        (
            "unique: [sensor_id, time desc]",
            "unique: [sensor_id]",
            "6: hypertables.readings.unique: must hold the time column `time`",
        ),
        (
            "unique: [sensor_id, time desc]",
            "unique: [sensor_id, time down]",
            "6: hypertables.readings.unique.1: is not a column",
        ),
        (
            "[1 minute, 1 hour, 1 day]",
            "[1 hour, 90 minutes]",
            "10: hypertables.readings.rollups.0.levels: `90 minutes` is not a multiple of the",
        ),
        (
            "[1 minute, 1 hour, 1 day]",
            "[1 hour, 1 minute]",
            "10: hypertables.readings.rollups.0.levels: `1 minute` is not a multiple of the level",
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
        ("  sensors:", "  Sensors:", "15: tables.Sensors: is not a name: use lower-case letters"),
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
    assert any("is not a multiple" in each for each in found)


@pytest.mark.parametrize("text", ["", "[]", "nothing", "hypertables:\n"])
def test_a_file_without_hypertables_is_refused(text):
    assert faults(text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(catalog.CatalogError, match=r"absent.yaml: No such file or directory"):
        catalog.load(tmp_path / "absent.yaml")


def test_the_json_schema_beside_the_file_is_current():
    stored = json.loads((SCHEMA / "hypertables.schema.json").read_text())
    assert stored == catalog.json_schema(), (
        "generate it again: python -m scripts.provision json-schema > "
        "services/timescaledb/schema/hypertables.schema.json"
    )


@pytest.mark.parametrize(
    ("bounds", "fault"),
    [
        ("{time: [2000-01-01]}", "bounds.time: is not a range: write two days"),
        ("{time: [0, 1]}", "bounds.time: must be two days"),
        ("{value: [2000-01-01, 2001-01-01]}", "bounds.value: must be two numbers or `finite`"),
        ("{time: finite}", "bounds.time: must be two days"),
        ("{value: [1, 1]}", "bounds.value: must begin with the lesser"),
        ("{value: [0, .inf]}", "bounds.value: is not a range"),
        ("{value: [0, 2000-01-01]}", "bounds.value: is not a range"),
        ("{value: infinite}", "bounds.value: is not a range"),
        ("{time: [0001-01-01, 9999-12-31]}", "must be days from 0100-01-01 to 9900-01-01"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(bounds, fault):
    text = changed("    chunk_interval", f"    bounds: {bounds}\n    chunk_interval")
    [found] = faults(text)
    assert found.startswith("file.yaml:5: hypertables.readings.bounds")
    assert fault in found


def test_bounds_are_conditions_for_the_database():
    text = changed(
        "    chunk_interval",
        "    bounds: {time: [1900-01-01, 2200-01-01], value: [-1e12, 0.5]}\n    chunk_interval",
    )
    bounds = catalog.parse(text).hypertables["readings"].bounds
    assert bounds["time"].condition("time") == (
        "\"time\" >= '1900-01-01 00:00:00+00' and \"time\" < '2200-01-01 00:00:00+00'"
    )
    assert bounds["value"].condition("value") == '"value" >= -1000000000000 and "value" <= 0.5'


def test_pages_look_within_the_bounds_or_where_python_has_times():
    bounded = changed(
        "    chunk_interval", "    bounds: {time: [1900-01-01, 2200-01-01]}\n    chunk_interval"
    )
    first, last = catalog.parse(bounded).span("readings")
    assert (first.isoformat(), last.isoformat()) == (
        "1900-01-01T00:00:00+00:00",
        "2200-01-01T00:00:00+00:00",
    )
    for name in ("readings", "no such table"):
        first, last = catalog.parse(GOOD).span(name)
        assert last - timedelta(days=30000) > first + timedelta(days=30000)


def test_a_table_that_is_named_twice_is_one_fault():
    again = GOOD[GOOD.index("  readings:") : GOOD.index("tables:\n  s")]
    assert faults(GOOD.replace("tables:\n  s", f"{again}tables:\n  s")) == [
        "file.yaml:14: hypertables.readings: is written twice, first in line 3"
    ]


def test_messages_name_the_file_of_the_clone_and_not_its_copy_in_the_image(monkeypatch, tmp_path):
    file = tmp_path / "hypertables.yaml"
    file.write_text(GOOD.replace("sensors:", "Sensors:"))
    monkeypatch.setattr(catalog, "SCHEMA_IN_IMAGE", file)
    with pytest.raises(catalog.CatalogError) as error:
        catalog.load(file)
    assert str(error.value).startswith("services/timescaledb/schema/hypertables.yaml:15: tables.S")
    assert (ROOT / catalog.IN_CLONE).is_file()


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("levels: [1 hour], timezone: Europe/Paris", "has no effect without a level of a day"),
        ("levels: [1 day], timezone: Europe/Pariz", "is not a time zone, such as"),
        ("levels: [1 day], timezone: ../etc/passwd", "is not a time zone, such as"),
        ("levels: [12 hours, 36 hours], timezone: Asia/Kolkata", "must be whole days"),
    ],
)
def test_a_time_zone_that_cannot_be_is_refused(lines, fault):
    text = changed("levels: [1 hour]\n", lines.replace(", timezone", "\n        timezone") + "\n")
    assert any(fault in each for each in faults(text))
