"""The readers of the Operations page on a real database and Redis: what they say is what the test
made."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from tests.integration.db.conftest import Broker, Database, fail
from tests.stack import BUSY
from timestack import cache, db
from timestack.domains import drills, jobs, operations
from timestack.domains.jobs import control, schedules, steps
from timestack.domains.operations import (
    database,
    disk,
    drill,
    queue,
    redis,
    report,
    samples,
    statements,
    tables,
    volume,
)
from timestack.domains.operations.budget import Budget
from timestack.domains.operations.check import Check, Part
from timestack.domains.operations.tables import Table
from timestack.models.jobs import Job
from timestack.models.operations import Sample
from timestack.series import catalog, rollups
from timestack.settings import Settings

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]

PROBE = "jobs.probe"
READINGS = """
truncate readings, sensors cascade;
insert into sensors (type, location, name, unit) values ('t', 'l', 'n', '1');
insert into readings select moment, (select id from sensors), 1
  from generate_series('2020-01-01'::timestamptz, '2020-12-31', '1 hour') as moment;
analyze readings;
"""


@pytest.fixture
def session(environment: dict[str, str], provisioned: Database) -> Iterator[Session]:
    """A session as the web's, and Redis asked as the web asks it."""
    # Nobody else runs the health check again, which writes down how full the volume is.
    assert provisioned.server.healthy()
    cache.init(Settings.load(needs=["redis_password"]), brief=True)
    with db.session() as opened:
        yield opened


class Unhurried(Budget):
    """A budget that a machine with much else to do does not run out of."""

    LONG = 60.0

    def __init__(self, session: Session, seconds: float = LONG):
        super().__init__(session, max(seconds, self.LONG))

    def step(self, longest: float = LONG) -> AbstractContextManager[Session]:
        return super().step(max(longest, self.LONG))


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "Budget", Unhurried)


@pytest.fixture
def budget(session: Session) -> Budget:
    return Unhurried(session)


def named(part: Part) -> dict[str, Check]:
    return {each.name: each for each in part.checks}


def table(part: Part, name: str) -> Table:
    return next(each for each in part.rows if each.name == name)


def refresh(provisioned: Database) -> None:
    """Bring the rollups of the readings up to date."""
    with Session(provisioned.engine()) as owner, owner.begin():
        rollups.refresh(owner, "readings", catalog.current().hypertables["readings"])


# Hypertables


def test_a_hypertable_shows_its_rows_chunks_sizes_and_newest_row(
    provisioned: Database, budget: Budget
) -> None:
    provisioned.sql(READINGS)
    row = table(tables.read(budget), "readings")
    assert (row.rows, row.chunks) == (8761, 5)
    assert row.newest == datetime(2020, 12, 31, tzinfo=UTC)
    exact = int(provisioned.sql("select hypertable_size('readings')"))
    assert exact / 2 < row.bytes < exact * 2


def test_the_table_of_a_dataset_has_its_name_until_it_is_gone(
    provisioned: Database, budget: Budget
) -> None:
    declared = {
        "time": "time",
        "chunk_interval": "1 day",
        "types": [["time", "timestamptz"], ["v", "double precision"]],
        "unique": ["time desc"],
    }
    id = provisioned.sql(
        "insert into datasets (name, visibility, declared, layout, source, state)"
        f" values ('Tides', 'everybody', '{json.dumps(declared)}', '{{}}', 'x.csv', 'ready')"
        " returning id"
    ).split()[0]
    provisioned.sql(
        f"create table datasets.d{id} (time timestamptz not null, v float8);"
        f" select create_hypertable('datasets.d{id}', by_range('time', interval '1 day'));"
        f" insert into datasets.d{id} values ('2026-01-02', 1);"
        f" grant select on datasets.d{id} to timestack_app"
    )
    row = table(tables.read(budget), f"datasets.d{id}")
    assert (row.title, row.newest) == ("Tides", datetime(2026, 1, 2, tzinfo=UTC))
    provisioned.sql(f"update datasets set state = 'deleting' where id = {id}")
    assert table(tables.read(budget), f"datasets.d{id}").newest is None
    # Its locks go, for which the next statement would wait.
    budget.session.rollback()
    provisioned.sql(f"drop table datasets.d{id}; delete from datasets where id = {id}")


# A policy of the Community edition might be quicker than the test.
@pytest.mark.editions("apache")
def test_rollups_that_lack_rows_are_to_be_looked_at_until_they_are_refreshed(
    provisioned: Database, budget: Budget
) -> None:
    provisioned.sql(READINGS)
    part = tables.read(budget)
    assert table(part, "readings").lag == "look"
    assert named(part)["Rollups complete"].value == "not of readings"
    refresh(provisioned)
    assert table(tables.read(budget), "readings").lag == "good"


def test_refreshed_rollups_reach_the_newest_rows(provisioned: Database, budget: Budget) -> None:
    provisioned.sql(READINGS)
    refresh(provisioned)
    part = tables.read(budget)
    assert table(part, "readings").lag == "good"
    assert table(part, "readings").behind <= timedelta(hours=2)
    assert named(part)["Rollups complete"].state == "good"
    assert table(part, "readings").rollup_bytes > 100_000


def test_the_last_refresh_is_that_of_a_job_that_succeeded(budget: Budget) -> None:
    assert named(tables.read(budget))["Rollups refreshed"].value == "not yet"
    with db.session() as other:
        id = jobs.submit("rollups.refresh").id
        assert steps.claim(other, id)
        steps.succeed(other, id, {})
        ended = text("update jobs set finished_at = now() - interval '3 hours' where id = :id")
        other.execute(ended, {"id": id})
    check = named(tables.read(budget))["Rollups refreshed"]
    assert (check.value, check.state) == ("3 hours ago", "act")


@pytest.mark.editions("timescale")
def test_a_columnstore_shows_how_many_chunks_are_in_it(
    provisioned: Database, budget: Budget
) -> None:
    provisioned.sql(READINGS)
    provisioned.sql(
        "select compress_chunk(chunk, if_not_compressed => true)"
        " from show_chunks('readings') as chunk"
    )
    row = table(tables.read(budget), "readings")
    assert row.compressed.chunks == row.chunks == 5
    assert row.compressed.after < row.compressed.before


# The database


def test_connections_are_counted_by_role_with_the_oldest_transaction(
    provisioned: Database, budget: Budget
) -> None:
    with provisioned.engine("readonly").connect() as open_one:
        open_one.execute(text("select 1"))
        found = named(database.read(budget))
    most = int(provisioned.sql("show max_connections")) - 3
    assert f" of {most}: " in found["Connections"].value
    # Other tests' databases are on the same server.
    assert re.search(r"timestack_readonly [1-9]", found["Connections"].value)
    assert found["Connections"].state == "good"
    assert found["Oldest transaction"].value.startswith("open for ")


def test_the_size_of_the_database_is_that_of_its_files(
    provisioned: Database, budget: Budget
) -> None:
    size = int(provisioned.sql("select pg_database_size(current_database())"))
    unit = named(database.read(budget))["Size"].value
    assert unit == f"{size / 1e6:.3g} MB"


def test_a_statement_that_took_long_is_shown_without_its_constants(
    provisioned: Database, budget: Budget
) -> None:
    slow = "select pg_sleep(0.2), 'a secret' as hush, count(*) from sensors where id > 4711"
    # Of another role, whose statements the web's may not see by itself.
    with provisioned.engine("readonly").connect() as reader:
        for _ in range(2):
            reader.execute(text(slow))
    part = statements.read(budget)
    found = next(each for each in part.rows if "as hush" in each.text)
    assert (found.role, found.runs, found.rows) == ("timestack_readonly", 2, 2)
    assert 200 <= found.mean_ms < found.total_ms
    assert "secret" not in found.text
    assert "4711" not in found.text
    assert part.rows == sorted(part.rows, key=lambda each: -each.total_ms)
    assert named(part)["Slow statements"].state == "good"


def test_only_the_web_may_ask_and_it_sees_no_more_than_the_answers(provisioned: Database) -> None:
    def asked(role: str, statement: str) -> None:
        with provisioned.engine(role).connect() as connection:
            connection.execute(text(statement))

    for name in ("statements", "connections", "volume"):
        asked("app", f"select * from timestack_server.{name}()")
        for role in ("readonly", "scanner", "pgadmin"):
            with pytest.raises(ProgrammingError, match="permission denied"):
                asked(role, f"select * from timestack_server.{name}()")
    for taken in ("timestack_server.pg_stat_statements", "pg_read_file('/etc/passwd')"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            asked("app", f"select * from {taken}")


# Jobs


def test_a_job_that_could_start_and_has_not_is_waiting(session: Session, budget: Budget) -> None:
    found = named(queue.read(budget))
    assert found["Waiting jobs"].value == "none"
    assert found["Oldest waiting job"].value == "none waits"
    assert found["Failed in the last day"].value == "none"
    jobs.submit(PROBE, {"mark": "now"})
    jobs.submit(PROBE, {"mark": "later"}, run_at=datetime.now(UTC) + timedelta(hours=1))
    jobs.submit("companies.fetch")
    fail(jobs.submit(PROBE, {"mark": "bad"}).id)
    with db.session() as other:
        control.pause(other, "companies.fetch")
        other.execute(
            text("update jobs set run_at = now() - interval '31 min' where params->>'mark' = 'now'")
        )
    found = named(queue.read(budget))
    assert found["Waiting jobs"].value == "1"
    assert found["Oldest waiting job"].value == "for 31 minutes"
    assert found["Oldest waiting job"].state == "act"
    assert (found["Failed in the last day"].value, found["Failed in the last day"].state) == (
        "1",
        "look",
    )


def test_a_schedule_that_is_past_its_time_is_late(session: Session, budget: Budget) -> None:
    with db.session() as other:
        schedules.settle(other, [schedules.Schedule("probe", PROBE, "*/5 * * * *")])
    assert named(queue.read(budget))["Schedules"].value == "on time"
    with db.session() as other:
        for each in schedules.states(other):
            each.due_at -= timedelta(hours=3)
    check = named(queue.read(budget))["Schedules"]
    assert check.value.startswith("probe is ")
    assert check.state == "act"


# Redis


def test_redis_shows_its_memory_of_its_limit_and_that_it_keeps_what_it_holds(
    broker: Broker, budget: Budget
) -> None:
    assert named(redis.read(budget))["Memory"].value.endswith("without a limit")
    broker.redis.config_set("maxmemory", 2_000_000)
    try:
        found = named(redis.read(budget))
    finally:
        broker.redis.config_set("maxmemory", 0)
    assert " of 2 MB (" in found["Memory"].value
    assert found["Memory"].state == "good"
    assert found["Persistence"].value == "each write within a second"


def test_a_redis_that_keeps_nothing_is_to_be_acted_on(broker: Broker, budget: Budget) -> None:
    broker.redis.config_set("appendonly", "no")
    try:
        found = named(redis.read(budget))["Persistence"]
    finally:
        broker.redis.config_set("appendonly", "yes")
    assert (found.value, found.state) == ("The append-only file is off", "act")


def test_without_redis_the_other_parts_are_there_in_time(session: Session, broker: Broker) -> None:
    container = broker.container.get_wrapped_container()
    container.pause()
    began = time.monotonic()
    try:
        found = operations.read(session).parts
    finally:
        container.unpause()
    assert time.monotonic() - began < 4 + BUSY
    assert found["redis"].checks[0].value == "not known"
    assert "Redis does not answer" in found["redis"].checks[0].advice
    assert named(found["database"])["Size"].state == "good"


# The disk


def test_the_disk_is_that_of_the_databases_volume(provisioned: Database, budget: Budget) -> None:
    fields = provisioned.server.run("stat", "-f", "-c", "%S %b %a", "/var/lib/postgresql/data")
    block, total, _ = map(int, fields.stdout.split())
    seen = volume.read(budget)
    assert seen.total == block * total
    assert 0 < seen.free < seen.total
    check = named(disk.read(budget))["Free"]
    assert check.value.endswith(")")


def test_a_disk_that_fills_steadily_is_forecast_from_its_samples(
    provisioned: Database, session: Session, budget: Budget
) -> None:
    assert [each.name for each in disk.read(budget).checks] == ["Free"]
    # 2 GB a day, and half a day of something else in between.
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    rows = [
        {
            "time": now - timedelta(hours=hours),
            "disk_free_gb": 60 + hours / 12 - (30 if 40 < hours < 52 else 0),
        }
        for hours in range(240)
    ]
    session.execute(insert(Sample), rows)
    full = named(disk.read(budget))["Full"]
    assert (full.value, full.state) == ("in about 30 days", "look")


def test_a_sample_is_the_only_one_of_its_minute(session: Session, provisioned: Database) -> None:
    provisioned.sql("truncate operations")
    jobs.submit(PROBE)
    found = samples.take(session)
    samples.take(session)
    rows = session.scalars(select(Sample)).all()
    assert len(rows) in (1, 2)  # two where a minute ended in between
    assert found["waiting_jobs"] == rows[0].waiting_jobs == 1
    assert found["database_gb"] == pytest.approx(rows[0].database_gb)
    assert 0 < rows[0].disk_free_percent < 100
    assert rows[0].disk_free_gb > 0
    assert rows[0].redis_mb > 0


# All of it


def test_a_part_that_hangs_is_left_out_and_the_others_are_shown(
    provisioned: Database, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A statement has its usual second, and all of them together have longer.
    monkeypatch.setattr(report, "Budget", partial(Budget, seconds=Unhurried.LONG))
    with provisioned.engine().connect() as other:
        other.execute(text("lock table paused_kinds in access exclusive mode"))
        began = time.monotonic()
        found = operations.read(session)
        assert time.monotonic() - began < 4 + BUSY
    assert "took longer than" in found.parts["queue"].checks[0].advice
    assert named(found.parts["installation"])["PostgreSQL"].value.startswith("17")
    assert set(found.parts) == set(report.PARTS)
    limit = session.scalar(text("select current_setting('statement_timeout')"))
    assert limit == "15s"


def test_the_summary_has_what_is_not_good_the_worst_first(session: Session) -> None:
    fail(jobs.submit(PROBE, {"mark": "bad"}).id)
    with db.session() as other:
        jobs.submit(PROBE, {"mark": "now"})
        other.execute(
            text("update jobs set run_at = now() - interval '1 hour' where state = 'queued'")
        )
    found = operations.summary(session)
    names = [each.name for each in found]
    assert names.index("Oldest waiting job") < names.index("Failed in the last day")
    assert all(each.state != "good" for each in found)


@pytest.mark.editions("apache")
def test_the_summary_opens_no_table_and_has_what_was_found_of_them_last(
    provisioned: Database, session: Session
) -> None:
    def late() -> list[Check]:
        return [each for each in operations.summary(session) if each.name == "Rollups complete"]

    provisioned.sql(READINGS + "truncate readings_1h, readings_1d;")
    with cache.redis() as client:
        client.flushdb()
    assert late() == []
    operations.keep(session)
    [check] = late()
    assert check.value == "not of readings"
    refresh(provisioned)
    # Nobody has looked since.
    assert late() == [check]
    operations.read(session)
    assert late() == []


def test_the_summary_waits_a_second_at_most(
    provisioned: Database, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "Budget", Budget)
    with provisioned.engine().connect() as other:
        other.execute(text("lock table paused_kinds, jobs, operations in access exclusive mode"))
        began = time.monotonic()
        found = operations.summary(session)
        assert time.monotonic() - began < 2 + BUSY
    assert {"Queue", "Disk"} <= {each.name for each in found}


def test_without_redis_the_summary_says_so_and_has_the_rest(session: Session) -> None:
    elsewhere = {"redis_host": "127.0.0.1", "redis_port": 1}
    cache.init(Settings.load(needs=["redis_password"]).model_copy(update=elsewhere), brief=True)
    operations.keep(session)
    assert "Redis" in {each.name for each in operations.summary(session)}


def test_a_server_without_the_functions_says_what_to_do(
    provisioned: Database, session: Session
) -> None:
    provisioned.sql("alter schema timestack_server rename to elsewhere")
    try:
        part = operations.read(session).parts["disk"]
    finally:
        provisioned.sql("alter schema elsewhere rename to timestack_server")
    assert part.checks[0].state == "look"
    assert "services/timescaledb/server.sql" in part.checks[0].advice


def test_certificates_show_the_days_that_are_left(session: Session) -> None:
    found = named(operations.read(session).parts["certificates"])
    assert set(found) == {"tls.pem", "db_tls.pem", "ca.pem"}
    assert all(each.state == "good" for each in found.values())


# Drills


def drilled(provisioned: Database, **changes) -> None:
    """Only this drill was, of three days ago unless it is said otherwise."""
    provisioned.truncate("drills", "operations", "jobs")
    given = {
        "began_at": datetime.now(UTC) - timedelta(days=3),
        "outcome": "same",
        "backup": "20261125-020000F",
        "tables": 41,
        "rows": 451_880,
        "seconds": 24.6,
        "rpo_seconds": 42.0,
        "rto_seconds": 15.2,
    }
    with db.session() as own:
        drills.record(own, drills.DrillReport(**{**given, **changes}))


def told(session: Session) -> list[str]:
    return [
        each.params["subject"]
        for each in session.scalars(select(Job).where(Job.kind == "notify.send"))
    ]


def test_a_good_drill_shows_its_figures_and_is_told_nobody(
    session: Session, provisioned: Database, budget: Budget
) -> None:
    drilled(provisioned)
    found = named(drill.read(budget))
    assert {name: each.value for name, each in found.items()} == {
        "Last good drill": "3 days ago",
        "Compared": "451,880 rows of 41 tables, all the same, in 25 seconds (20261125-020000F)",
        "Would have been lost": "what was written in the last 42 seconds",
        "Until the copy answered": "15 seconds",
    }
    assert {each.state for each in found.values()} == {"good"}
    assert told(session) == []


def test_a_drill_of_36_days_ago_is_to_be_looked_at_and_so_is_none_on_an_old_stack(
    provisioned: Database, budget: Budget
) -> None:
    drilled(provisioned, began_at=datetime.now(UTC) - timedelta(days=36))
    assert named(drill.read(budget))["Last good drill"].state == "look"
    provisioned.sql("delete from drills")
    assert named(drill.read(budget))["Last good drill"].state == "good"
    provisioned.sql("insert into operations (time) values (now() - interval '36 days')")
    check = named(drill.read(budget))["Last good drill"]
    assert (check.value, check.state, check.command) == ("none yet", "look", "make drill")


@pytest.mark.parametrize(
    ("outcome", "subject"),
    [
        ("different", "A restored backup is not the same as the database"),
        ("failed", "The newest backup could not be restored in a drill"),
    ],
)
def test_a_bad_drill_is_to_be_acted_on_and_told(
    session: Session, provisioned: Database, budget: Budget, outcome: str, subject: str
) -> None:
    faults = ["public.usage has 5 rows, and the copy 4"]
    drilled(provisioned, outcome=outcome, faults=faults)
    check = named(drill.read(budget))["Last drill"]
    assert (check.state, check.command) == ("act", "make drill")
    assert "public.usage has 5 rows, and the copy 4" in check.value
    assert told(session) == [subject]
