"""Declared bounds: the database refuses what is outside, and what was there before hurts nobody."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.orm import Session

from scripts.provision import apply as applying
from scripts.provision import plan as planning
from tests.integration.db.conftest import SCHEMA_FILE, Database
from timestack.domains import overview
from timestack.domains.load.errors import BadRowsError
from timestack.domains.load.run import Options, load
from timestack.series import catalog, rollups
from timestack.series.extent import extent
from timestack.series.query import query

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]

# The file as it was before there were bounds.
UNBOUNDED = catalog.load(SCHEMA_FILE).model_copy(deep=True)
for each in UNBOUNDED.hypertables.values():
    each.bounds.clear()
DECLARED = catalog.load(SCHEMA_FILE)

SENSOR = "insert into sensors (type, location, name, unit) values ('t', 'l', 'n', 'u')"
# Ten hours of two days, all of them 5.
GOOD = (
    "insert into readings select timestamptz '2024-03-01' + n * interval '5 hours', 1, 5"
    " from generate_series(0, 9) n"
)
OUTSIDE = {
    "no end": "infinity",
    "a year of five digits": "12000-01-01",
    "before Christ": "0044-03-15 BC",
    "before the first sensor": "1899-12-31 23:59:59",
    "after the last one": "2200-01-01",
}
NOT_FINITE = ("NaN", "Infinity", "-Infinity", "1e301")


@pytest.fixture
def filled(make_database: Callable[[], Database]) -> Database:
    """A database from before the bounds, with a sensor and its readings."""
    database = make_database()
    database.provision(UNBOUNDED)
    database.sql(f"{SENSOR}; {GOOD}")
    return database


def spoil(database: Database) -> None:
    """Rows that the bounds would refuse, each at a time of its own."""
    for time in OUTSIDE.values():
        database.sql(f"insert into readings values ('{time}', 1, 7)")
    for hour, value in enumerate(NOT_FINITE):
        database.sql(f"insert into readings values ('2024-03-02 {hour:02}:30', 1, '{value}')")


def plan(database: Database) -> planning.Plan:
    with database.engine().connect() as connection:
        return planning.plan(DECLARED, connection)


def refresh(database: Database, *, full: bool = False) -> None:
    with Session(database.engine("owner" if full else "app")) as session, session.begin():
        rollups.refresh_all(session, declared=DECLARED, full=full)


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEMA_FILE", str(SCHEMA_FILE))
    monkeypatch.setenv("SEED", "no")
    catalog.current.cache_clear()


@pytest.mark.parametrize("time", [*OUTSIDE.values(), "-infinity"])
def test_the_database_refuses_a_time_outside_of_the_bounds(
    provisioned: Database, time: str
) -> None:
    provisioned.sql(f"{SENSOR} on conflict do nothing")
    with pytest.raises(AssertionError, match=r"readings_time_bounds|timestamp out of range"):
        provisioned.sql(f"insert into readings values ('{time}', 1, 1)")


@pytest.mark.parametrize("value", [*NOT_FINITE, "1.1e12"])
def test_the_database_refuses_a_value_outside_of_the_bounds(
    provisioned: Database, value: str
) -> None:
    provisioned.sql(f"{SENSOR} on conflict do nothing")
    with pytest.raises(AssertionError, match="readings_value_bounds"):
        provisioned.sql(f"insert into readings values ('2024-01-01', 1, '{value}')")


def test_a_value_on_either_bound_is_taken(provisioned: Database) -> None:
    provisioned.sql(f"{SENSOR} on conflict do nothing")
    provisioned.sql("insert into readings values ('1900-01-01', 1, -1e12)")
    provisioned.sql("insert into readings values ('2199-12-31 23:59:59.999999', 1, 1e12)")
    assert provisioned.sql("select min(value), max(value) from readings") == (
        "-1000000000000|1000000000000"
    )


def test_a_line_out_of_bounds_is_named_to_whoever_loads_it(
    provisioned: Database, tmp_path: Path
) -> None:
    provisioned.sql(f"{SENSOR} on conflict do nothing")
    file = tmp_path / "readings.csv"
    file.write_text("time,sensor_id,value\n2024-01-01T00:00Z,1,1\n2024-01-02T00:00Z,1,2e12\n")
    with pytest.raises(BadRowsError) as caught:
        load(provisioned.engine(), Options("readings", str(file)), io.BytesIO())
    (row,) = caught.value.rows
    assert row.line == 3
    assert "bounds that hypertables.yaml declares (readings_value_bounds)" in str(row.faults[0])


def test_bounds_that_a_hand_took_away_are_found_and_put_back(provisioned: Database) -> None:
    assert plan(provisioned).steps == ()
    provisioned.sql(
        "alter table readings drop constraint readings_time_bounds,"
        " drop constraint readings_value_bounds,"
        " add constraint readings_value_bounds check (value < 1e13)"
    )
    assert [step.line() for step in plan(provisioned).steps] == [
        "+ bounds of readings.time: from 1900-01-01 to before 2200-01-01",
        "+ bounds of readings.value: from -1000000000000 to 1000000000000",
    ]
    applying.apply(DECLARED, provisioned.engine())
    assert plan(provisioned).steps == ()


def test_bounds_are_changed_and_dropped_with_the_file(database: Database) -> None:
    database.provision()
    text = SCHEMA_FILE.read_text()
    wider = catalog.parse(text.replace("[1900-01-01, 2200-01-01]", "[1700-01-01, 2200-01-01]"))
    applying.apply(wider, database.engine())
    database.sql(f"{SENSOR}; insert into readings values ('1750-01-01', 1, 1)")
    applying.apply(UNBOUNDED, database.engine())
    database.sql("insert into readings values ('12000-01-01', 1, 'NaN')")
    assert database.sql("select count(*) from pg_constraint where conname ~ '_bounds$'") == "0"


# With a columnstore such bounds wait: tests/unit/provision/test_timescale.py.
@pytest.mark.editions("apache")
def test_rows_from_before_the_bounds_stay_are_named_and_let_the_stack_start(
    filled: Database, command, capsys
) -> None:
    spoil(filled)
    assert command(filled, "up") == 0
    output = capsys.readouterr().out
    assert "bounds of readings.time: from 1900-01-01 to before 2200-01-01, for new rows" in output
    # Neither plan nor drift ask for what nobody but a person may do.
    assert command(filled, "drift") == 0
    assert "`make doctor` names them" in capsys.readouterr().out
    assert command(filled, "bounds") == 0
    output = capsys.readouterr().out
    assert "readings.time: 5 rows are outside (from 1900-01-01 to before 2200-01-01)" in output
    assert '"time":"infinity"' in output
    assert "readings.value: 4 rows are outside" in output
    with pytest.raises(AssertionError, match="readings_time_bounds"):
        filled.sql("insert into readings values ('12000-01-02', 1, 1)")
    # The statements that it shows help.
    for line in output.splitlines():
        if line.strip().startswith("delete"):
            filled.sql(line)
    assert command(filled, "bounds") == 0
    assert capsys.readouterr().out == ""
    assert command(filled, "apply") == 0
    assert filled.sql(
        "select bool_and(convalidated) from pg_constraint where conname ~ '_bounds$'"
    ) == "t"  # fmt: skip
    assert command(filled, "drift") == 0
    assert content(filled) == "10|50"


def content(database: Database) -> str:
    return database.sql("select count(*), sum(value) from readings")


@pytest.mark.parametrize("deleted", [False, True], ids=["there", "deleted"])
def test_every_reader_survives_rows_and_chunks_that_python_has_no_times_for(
    filled: Database, deleted: bool, command, tmp_path
) -> None:
    spoil(filled)
    refresh(filled, full=True)
    if deleted:
        filled.sql(
            "delete from readings where not (time >= '1900-01-01' and time < '2200-01-01')"
            " or not abs(value) < 1e12"
        )
    for verb in ("plan", "drift", "up", "refresh"):
        code = command(filled, verb)
        assert code in ((0, 2) if verb == "drift" else (0,)), verb
    with Session(filled.engine("app")) as session:
        found = extent(session, "readings", {"sensor_id": 1})
        assert found.first == datetime(2024, 3, 1, tzinfo=UTC)
        assert found.last == datetime(2024, 3, 2, 21, tzinfo=UTC)
        shown = overview.read(session)
        assert shown.datasets[0].extent == found
        assert len(shown.trend.series) > 0
        for points in (1, 2, 1000):
            end = found.last + timedelta(microseconds=1)
            [series] = query(session, "readings", {"sensor_id": 1}, found.first, end, points)
            known = ~np.isnan(series.mean)
            assert known.any()
            for aggregate in (series.min, series.mean, series.max, series.first, series.last):
                assert (aggregate[known] == 5).all()
            assert series.sum[known].sum() == 50
            assert series.count.sum() == 10
    file = tmp_path / "more.csv"
    file.write_text("time,sensor_id,value\n2024-04-01T00:00:00Z,1,5\n2034-04-01T00:00:00Z,1,5\n")
    report = load(filled.engine(), Options("readings", str(file)), io.BytesIO(), lambda *_: None)
    assert report.written == 2


def test_a_row_that_is_no_number_takes_nothing_of_its_bucket_with_it(filled: Database) -> None:
    for hour, value in enumerate(NOT_FINITE):
        filled.sql(f"insert into readings values ('2024-03-01 {hour:02}:10', 1, '{value}')")
    refresh(filled)
    assert filled.sql(
        "select n, value_n, value_sum, value_min, value_max, value_first, value_last"
        " from readings_1d where bucket = '2024-03-01'"
    ) == "9|5|25|5|5|5|5"  # fmt: skip


@pytest.mark.editions("apache")
def test_rollups_from_before_are_computed_again_where_they_counted_such_a_row(
    filled: Database,
) -> None:
    spoil(filled)
    refresh(filled)
    former = (
        "timestack rollup of readings: 1 day from readings_1h, keys (sensor_id), values (value)"
    )
    filled.sql(
        f"update readings_1d set value_sum = 'NaN';comment on table readings_1d is '{former}'"
    )
    applying.apply(DECLARED, filled.engine())
    refresh(filled)
    assert filled.sql("select sum(value_sum) from readings_1d where value_n > 0 and"
                      " bucket between '2024-01-01' and '2025-01-01'") == "50"  # fmt: skip
    assert plan(filled).steps == ()
