"""Every rollup level equals the aggregate of the rows, whatever happened to them since."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from scripts.provision import apply as applying
from tests.integration.db.conftest import Database
from timestack.series import catalog, rollups

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]

DECLARED = catalog.parse(
    """
hypertables:
  metrics:
    time: time
    chunk_interval: 1 day
    unique: [site, host, time desc]
    rollups:
      - keys: [site, host]
        values: [load, cost, jobs]
        levels: [1 minute, 1 hour, 1 day]
      - keys: [site]
        name: metrics_site
        values: [load]
        levels: [15 minutes, 1 day]
      - keys: []
        values: [load, cost]
        levels: [1 hour]
    grants:
      timestack_app: [select, insert, update, delete, truncate]
"""
)
TABLE = DECLARED.hypertables["metrics"]
START = datetime(2024, 2, 28, 22, tzinfo=UTC)

COMPARE = """
with raw as (
  select time_bucket(:width, time) as bucket, {keys} count(*) as n, count({value}) as value_n,
         sum({value}) as value_sum, min({value}) as value_min, max({value}) as value_max
    from metrics group by time_bucket(:width, time){group}),
level as (
  select bucket, {keys} n, {value}_n as value_n, {value}_sum as value_sum, {value}_min as value_min,
         {value}_max as value_max from {table})
select * from raw full join level using ({using})
 where raw.n is distinct from level.n or raw.value_n is distinct from level.value_n
    or raw.value_min is distinct from level.value_min
    or raw.value_max is distinct from level.value_max
    or (raw.value_sum is null) <> (level.value_sum is null)
    or abs(raw.value_sum - level.value_sum) > 1e-6 * (1 + abs(raw.value_sum))
"""
# First and last may be any of the rows that share the earliest or the latest time.
ENDS = """
select count(*) from {table} as level
 where level.{value}_n > 0
   and not (exists (select from metrics r where r.{value} = level.{value}_first {same}
                       and time_bucket(:width, r.time) = level.bucket
                       and r.time = (select min(f.time) from metrics f where f.{value} is not null
                                        and time_bucket(:width, f.time) = level.bucket {first}))
        and exists (select from metrics r where r.{value} = level.{value}_last {same}
                       and time_bucket(:width, r.time) = level.bucket
                       and r.time = (select max(f.time) from metrics f where f.{value} is not null
                                        and time_bucket(:width, f.time) = level.bucket {first})))
"""


@pytest.fixture(scope="module")
def metrics(make_database) -> Database:
    database = make_database()
    database.sql(
        "create table metrics (time timestamptz not null, site text not null, host int not null,"
        " load double precision, cost numeric, jobs integer);"
        " alter table metrics owner to timestack_owner"
    )
    database.provision(DECLARED)
    return database


def differences(session: Session) -> list[str]:
    """Names of levels that differ from the rows, with the rows that show it."""
    found = []
    for rollup in TABLE.rollups:
        for width, table in rollup.tables("metrics").items():
            for value in rollup.values:
                parts = {
                    "table": table,
                    "value": value,
                    "keys": "".join(f"{key}, " for key in rollup.keys),
                    "group": "".join(f", {key}" for key in rollup.keys),
                    "using": ", ".join(("bucket", *rollup.keys)),
                    "same": "".join(f" and r.{k} = level.{k}" for k in rollup.keys),
                    "first": "".join(f" and f.{k} = level.{k}" for k in rollup.keys),
                }
                rows = session.execute(text(COMPARE.format(**parts)), {"width": width}).all()
                found += [f"{table}.{value}: {row}" for row in rows]
                if session.scalar(text(ENDS.format(**parts)), {"width": width}):
                    found.append(f"{table}.{value}: first or last")
    return found


def refresh(database: Database, **options) -> dict:
    # The owner of a policy runs it here and now; for others the scheduler does, some seconds later.
    engine = database.engine("app" if database.server.edition == "apache" else "owner")
    with Session(engine) as session, session.begin():
        result = rollups.refresh_all(session, declared=DECLARED, **options)
    return result["metrics"]


times = st.integers(0, 3 * 24 * 60 * 6).map(lambda n: START + n * timedelta(seconds=10))
numbers = st.one_of(st.none(), st.integers(-1000, 1000), st.floats(-1e6, 1e6, width=32))
rows = st.tuples(times, st.sampled_from("ab"), st.integers(1, 3), numbers, numbers)
operations = st.one_of(
    st.tuples(st.just("insert"), st.lists(rows, min_size=1, max_size=30)),
    st.tuples(st.just("correct"), st.tuples(times, times, numbers)),
    st.tuples(st.just("move"), st.tuples(times, times)),
    st.tuples(st.just("delete"), st.tuples(times, times)),
    st.tuples(st.just("refresh"), st.none()),
    st.tuples(st.just("truncate"), st.none()),
)

STATEMENTS = {
    "insert": "insert into metrics values (:time, :site, :host, :load, :cost, :jobs)"
    " on conflict (site, host, time) do update set load = excluded.load, cost = excluded.cost",
    "correct": "update metrics set load = :load where time between :a and :b",
    # To another time of the same chunk, as TimescaleDB demands, and a key that no other row has.
    "move": "update metrics set time = time + interval '3 seconds',"
    " host = host + 1000 + (random() * 1e9)::int where time between :a and :b and host < 1000",
    "delete": "delete from metrics where time between :a and :b",
}


def parameters(kind: str, argument):
    if kind == "insert":
        return [
            {"time": t, "site": s, "host": h, "load": a, "cost": b, "jobs": h}
            for t, s, h, a, b in argument
        ]
    a, b = sorted(argument[:2])
    return {"a": a, "b": b, **({"load": argument[2]} if kind == "correct" else {})}


# The Community edition's scheduler may be at work on the same ranges, and ends when it ends.
@pytest.mark.editions("apache")
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=st.lists(operations, min_size=1, max_size=8))
def test_every_level_equals_the_aggregate_of_the_rows(metrics: Database, sequence) -> None:
    engine = metrics.engine("app")
    with engine.begin() as connection:
        connection.execute(text("truncate metrics"))
    for kind, argument in sequence:
        if kind == "refresh":
            refresh(metrics)
            continue
        with engine.begin() as connection:
            if kind == "truncate":
                connection.execute(text("truncate metrics"))
            else:
                connection.execute(text(STATEMENTS[kind]), parameters(kind, argument))
    refresh(metrics)
    with Session(engine) as session:
        assert differences(session) == []


@pytest.fixture
def app(metrics: Database):
    """The application's connection to an empty table whose rollups are up to date."""
    engine = metrics.engine("app")
    with engine.begin() as connection:
        connection.execute(text("truncate metrics"))
    refresh(metrics)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def insert(connection, *rows: tuple[timedelta, float]) -> None:
    for after, load in rows:
        connection.execute(
            text("insert into metrics values (:time, 'a', 1, :load, null, 1)"),
            {"time": START + after, "load": load},
        )


def daily(connection) -> list[tuple]:
    return connection.execute(
        text("select n, load_sum, load_first, load_last from metrics_1d order by bucket")
    ).all()


def test_a_late_row_reaches_every_level(metrics, app) -> None:
    insert(app, (timedelta(hours=1), 1.0), (timedelta(hours=30), 3.0))
    refresh(metrics)
    insert(app, (timedelta(minutes=1), 5.0))
    refresh(metrics)
    assert daily(app) == [(2, 6.0, 5.0, 1.0), (1, 3.0, 3.0, 3.0)]


@pytest.mark.editions("apache")
def test_only_the_buckets_that_changed_are_written(metrics, app) -> None:
    insert(app, *((timedelta(hours=hour), 1.0) for hour in range(48)))
    assert refresh(metrics)["metrics_1h"] == 48
    insert(app, (timedelta(minutes=1), 5.0))
    written = refresh(metrics)
    assert written["metrics_1m"] == 1
    assert written["metrics_1h"] == 1
    assert written["metrics_1d"] == 1


@pytest.mark.editions("apache")
def test_without_changes_nothing_is_written(metrics, app) -> None:
    insert(app, (timedelta(0), 1.0))
    refresh(metrics)
    assert refresh(metrics) == {}


def test_progress_goes_from_nought_to_one(metrics, app) -> None:
    insert(app, (timedelta(0), 1.0))
    seen = []
    refresh(metrics, progress=lambda fraction, message: seen.append((fraction, message)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert seen[-1] == (1.0, "rollups are up to date")
    assert any("metrics_1d" in message for _, message in seen)


@pytest.mark.editions("apache")
def test_a_refresh_that_fails_forgets_no_change(metrics, app) -> None:
    insert(app, (timedelta(0), 1.0))

    def fail(fraction: float, message: str) -> None:
        if "metrics_1h" in message:
            raise RuntimeError("the worker dies")

    with pytest.raises(RuntimeError):
        refresh(metrics, progress=fail)
    assert daily(app) == []
    refresh(metrics)
    assert daily(app) == [(1, 1.0, 1.0, 1.0)]


def test_a_row_committed_during_a_refresh_is_in_the_next_one(metrics, app) -> None:
    # The chunk is there already: making it would hold other writers up until the commit.
    insert(app, (timedelta(hours=1), 9.0))
    app.execute(text("delete from metrics"))
    refresh(metrics)
    engine = metrics.engine("app")
    with engine.connect() as writer:
        writer.execute(
            text("insert into metrics values (:time, 'b', 1, 7, null, 1)"), {"time": START}
        )
        insert(app, (timedelta(0), 1.0))
        refresh(metrics)
        assert daily(app) == [(1, 1.0, 1.0, 1.0)]
        writer.commit()
    refresh(metrics)
    assert sorted(daily(app)) == [(1, 1.0, 1.0, 1.0), (1, 7.0, 7.0, 7.0)]


def test_nulls_count_as_rows_and_not_as_values(metrics, app) -> None:
    app.execute(text("insert into metrics values (:t, 'a', 1, null, 2, 1)"), {"t": START})
    insert(app, (timedelta(seconds=5), 4.0))
    refresh(metrics)
    row = app.execute(
        text("select n, load_n, load_first, load_min, cost_n, cost_last from metrics_1d")
    ).one()
    assert tuple(row) == (2, 1, 4.0, 4.0, 1, 2)


@pytest.mark.editions("apache")
def test_the_application_cannot_write_a_rollup(app) -> None:
    for statement in (
        "insert into metrics_1d (bucket) values (now())",
        "delete from metrics_1d",
        "update metrics_1d set n = 0",
        "truncate metrics_1d",
        "delete from timestack.changes",
        "select * from timestack.changes",
    ):
        with pytest.raises(Exception, match="permission denied"):
            app.execute(text(statement))


@pytest.mark.editions("apache")
def test_rows_older_than_the_lateness_wait_for_a_full_refresh(make_database) -> None:
    database = make_database()
    database.provision()
    now = datetime.now(UTC)
    declared = catalog.parse(
        "hypertables:\n"
        "  readings:\n"
        "    time: time\n"
        "    chunk_interval: 90 days\n"
        "    unique: [sensor_id, time desc]\n"
        "    lateness: 10 days\n"
        "    retention: 60 days\n"
        "    rollups: [{keys: [sensor_id], values: [value], levels: [1 day]}]\n"
        "    grants: {timestack_app: [select, insert]}\n"
    )
    database.sql(
        "alter table readings drop constraint readings_sensor_id_fkey; insert into readings"
        f" select timestamptz '{now.isoformat()}' - n * interval '1 day', 1, n from"
        " generate_series(1, 100) n"
    )
    applying.apply(declared, database.engine(), allow_destructive=True)
    engine = database.engine()
    with Session(engine) as session, session.begin():
        rollups.refresh_all(session, declared=declared)
    young = int(database.sql("select count(*) from readings_1d"))
    assert 10 <= young <= 11
    with Session(engine) as session, session.begin():
        rollups.refresh_all(session, declared=declared, full=True)
    everything = int(database.sql("select count(*) from readings_1d"))
    # Days behind the retention may have lost rows, and are left alone.
    assert 59 <= everything <= 60
    oldest = database.sql(
        "select extract(day from now() - min(range_end)) < 60 from"
        " timescaledb_information.chunks where hypertable_name = 'readings'"
    )
    assert oldest == "t"
