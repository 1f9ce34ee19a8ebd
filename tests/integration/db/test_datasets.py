"""Datasets: uploaded files that become hypertables, made, loaded, read, shown and dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from scripts.provision import load as loading
from scripts.provision import plan as planning
from scripts.provision import worker
from tests.integration.db.conftest import SCHEMA_FILE, Database
from timestack import db
from timestack.domains import users
from timestack.domains.datasets import access, changes, load
from timestack.domains.datasets.access import Viewer
from timestack.domains.jobs import steps
from timestack.domains.jobs.steps import CancelledError, PermanentError
from timestack.domains.uploads.layout import Layout
from timestack.models.datasets import Dataset
from timestack.models.jobs import Job
from timestack.progress import unwatched
from timestack.series import catalog, rollups, uploaded
from timestack.series.query import UnknownSeries, query

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]

START = datetime(2024, 1, 1, tzinfo=UTC)
HOURS = 24 * 20
COLUMNS = [
    {"label": "Time", "name": "time", "type": "time", "role": "time"},
    {"label": "time; drop table", "name": "time_drop_table", "type": "text", "role": "key"},
    {"label": "Power (W)", "name": "power", "type": "number", "role": "value"},
    {"label": "note", "name": "note", "type": "text", "role": "ignored"},
]
LAYOUT = Layout.model_validate({"columns": COLUMNS})
CLEAN = """
truncate datasets, jobs;
drop schema datasets cascade;
delete from imports where id like 'datasets%';
delete from timestack.changes where table_name like 'datasets%';
set role timestack_owner;
create schema datasets;
grant usage on schema datasets to public;
do $$
  declare found regprocedure;
  begin
    for found in select oid from pg_proc where proname like '%datasets%' loop
      execute 'drop function ' || found;
    end loop;
  end
$$
"""


@pytest.fixture(scope="module", autouse=True)
def surroundings(provisioned: Database) -> Iterator[None]:
    """The environment of the worker that makes tables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in provisioned.environment.items():
            patch.setenv(name, value)
        catalog.current.cache_clear()
        yield


@pytest.fixture(scope="module")
def viewers(provisioned: Database) -> dict[str, Viewer]:
    with Session(provisioned.engine()) as session, session.begin():
        for name in ("ann", "bob"):
            users.put(session, f"{name}@example.org", "editor", password=None)
        return {
            name: Viewer(users.find(session, f"{name}@example.org").id, is_admin=False)
            for name in ("ann", "bob")
        }


@pytest.fixture
def ann(viewers: dict[str, Viewer]) -> Viewer:
    return viewers["ann"]


@pytest.fixture
def app(provisioned: Database) -> Iterator[Session]:
    """A session of the web's role, each step of which commits."""
    with Session(provisioned.engine("app"), expire_on_commit=False) as session:
        yield session


@pytest.fixture
def file(write: Callable[..., Path]) -> Path:
    """An hour a row, of two keys."""
    rows = (
        f"{START + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ},{key},{hour + index},x\n"
        for hour in range(HOURS)
        for index, key in enumerate("ab")
    )
    return write("Time,time; drop table,Power (W),note\n" + "".join(rows))


def work(database: Database, kind: str) -> Job:
    """Have the one queued job of a kind done as the owner's worker does; returns its row."""
    db.init(database.settings("owner"))
    with db.session() as session:
        job = session.query(Job).filter_by(kind=kind, state="queued").one()
    try:
        worker.app.tasks[kind](str(job.id))
    finally:
        with db.session() as session:
            job = session.get_one(Job, job.id)
    return job


def added(app: Session, viewer: Viewer, name: str, **options) -> Dataset:
    dataset = changes.create(
        app, viewer, name, LAYOUT, source="power.csv", upload=uuid4(),
        step=timedelta(hours=1), **options,
    )  # fmt: skip
    app.commit()
    return dataset


def filled(app: Session, dataset: Dataset, file: Path, **options) -> dict:
    try:
        found = load.fill(app, dataset.id, file, unwatched, **options)
        app.commit()
    finally:
        app.rollback()
    app.refresh(dataset)
    return found


def drift(database: Database) -> list[str]:
    with database.engine().connect() as connection:
        found = planning.plan(catalog.load(SCHEMA_FILE), connection)
    return [step.line() for step in found.steps]


def test_a_file_becomes_a_hypertable_that_charts_by_its_rollups(
    provisioned: Database, app: Session, ann: Viewer, file: Path
) -> None:
    dataset = added(app, ann, "Power")
    assert changes.state(app, dataset)[0] == "preparing"
    assert drift(provisioned) == [], "it is not made yet, and nothing is wrong"
    assert work(provisioned, "datasets.make").state == "succeeded"
    assert drift(provisioned) == []
    assert filled(app, dataset, file)["rows"] == 2 * HOURS
    assert changes.state(app, dataset) == ("ready", "")
    table = uploaded.table_of(dataset.id)
    end = START + timedelta(hours=HOURS)
    for keys, least in (({"time_drop_table": "a"}, 0), ({}, 0)):
        (found,) = query(app, table, keys, START, end, 15, value="power")
        assert f"{table}{'' if keys else '_total'}_1d" in found.tables
        assert (found.min[0], found.max[-1]) == (least, HOURS - 1 + (not keys))
        assert sum(found.count) == HOURS * (1 if keys else 2)
    assert drift(provisioned) == []
    changes.delete(app, dataset)
    app.commit()
    with pytest.raises(UnknownSeries):
        query(app, table, {}, START, end, 15)
    assert work(provisioned, "datasets.drop").state == "succeeded"
    assert drift(provisioned) == []
    assert app.query(Dataset).count() == 0
    assert left_of(provisioned) == "0 0 0 0"


def left_of(database: Database) -> str:
    """What the tables of datasets left: relations, functions, changes, imports."""
    return database.sql(
        "select concat_ws(' ',"
        " (select count(*) from pg_class where relnamespace = 'datasets'::regnamespace),"
        " (select count(*) from pg_proc where proname like '%datasets%'),"
        " (select count(*) from timestack.changes where table_name like 'datasets%'),"
        " (select count(*) from imports where id like 'datasets%'))"
    )


@pytest.fixture(autouse=True)
def no_others(provisioned: Database) -> Iterator[None]:
    """No dataset is left for the next test, whose names are the same."""
    yield
    provisioned.sql(CLEAN)


@pytest.fixture
def made(provisioned: Database, app: Session, ann: Viewer) -> Dataset:
    """A dataset whose table is there, and empty."""
    dataset = added(app, ann, "Made")
    work(provisioned, "datasets.make")
    app.refresh(dataset)
    return dataset


def test_a_file_with_bad_rows_is_refused_by_their_lines_or_loaded_without_them(
    app: Session, made: Dataset, write: Callable[..., Path]
) -> None:
    head = "Time,key,power,note\n"
    rows = "2024-01-01T00:00Z,a,1,\n2024-01-01T00:00Z,a,2,\n2024-01-01T01:00Z,a,much,\n"
    file = write(head + rows + "2024-01-01T02:00Z,a,4,\n")
    with pytest.raises(PermanentError, match=r"nothing was loaded: .*line 4: power: "):
        filled(app, made, file)
    assert made.state == "loading"
    found = filled(app, made, file, skip_bad_rows=True)
    assert (found["rows"], found["left_out"]) == (2, 2)
    assert [(each["line"], each["column"]) for each in found["faults"]][-1] == (4, "power")
    assert made.message.startswith("2 rows were left out; the first: line 3")


def test_a_file_that_was_loaded_before_its_job_ended_is_not_loaded_again(
    provisioned: Database, app: Session, made: Dataset, file: Path
) -> None:
    filled(app, made, file)
    provisioned.sql(f"update datasets set state = 'loading', rows = null where id = {made.id}")
    file.unlink()
    assert filled(app, made, file)["rows"] == 2 * HOURS
    assert (made.state, made.rows) == ("ready", 2 * HOURS)
    assert provisioned.sql(f"select count(*) from datasets.d{made.id}") == str(2 * HOURS)


def test_a_load_that_is_cancelled_or_whose_dataset_is_deleted_leaves_nothing(
    provisioned: Database, app: Session, made: Dataset, file: Path
) -> None:
    def cancel(fraction: float, message: str) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        load.fill(app, made.id, file, cancel)
    app.rollback()
    assert provisioned.sql(f"select count(*) from datasets.d{made.id}") == "0"

    def delete(fraction: float, message: str) -> None:
        provisioned.sql(f"update datasets set state = 'deleting' where id = {made.id}")

    with pytest.raises(PermanentError, match="deleted meanwhile"):
        load.fill(app, made.id, file, delete)
    app.rollback()


def test_a_dataset_whose_job_failed_says_why_and_can_be_deleted(
    provisioned: Database, app: Session, made: Dataset
) -> None:
    with Session(provisioned.engine()) as session, session.begin():
        assert steps.claim(session, made.job_id)
        assert steps.fail(session, made.job_id, "nothing was loaded: line 7", again=False)
    app.rollback()
    assert changes.state(app, made) == ("failed", "nothing was loaded: line 7")
    job = changes.delete(app, made)
    app.commit()
    assert changes.state(app, made)[0] == "deleting"
    with pytest.raises(changes.BusyError):
        changes.delete(app, made)
    app.rollback()
    with Session(provisioned.engine()) as session, session.begin():
        assert steps.claim(session, job)
        assert steps.fail(session, job, "no", again=False)
    app.rollback()
    changes.delete(app, made)
    app.commit()


def test_of_two_datasets_of_one_name_at_once_there_is_one(
    provisioned: Database, app: Session, viewers: dict[str, Viewer]
) -> None:
    added(app, viewers["ann"], "Same")
    with pytest.raises(changes.TakenError, match="'same' already"):
        added(app, viewers["bob"], "same")
    app.rollback()
    other = added(app, viewers["bob"], "Other")
    with pytest.raises(changes.TakenError):
        changes.change(app, other, name="SAME")
    app.rollback()


@pytest.mark.parametrize(
    "name", ["7", "d7", "D07", "datasets.d7", "readings", "READINGS", "a/b", "..", " ", "a\u200bb"]
)
def test_a_name_that_is_no_name_is_refused(app: Session, ann: Viewer, name: str) -> None:
    with pytest.raises(access.NameError):
        added(app, ann, name)


def test_who_may_see_a_dataset_finds_it_by_id_and_name_and_other_tools_if_everybody_may(
    provisioned: Database, app: Session, made: Dataset, viewers: dict[str, Viewer]
) -> None:
    references = (str(made.id), f"d{made.id}", f"datasets.d{made.id}", "Made", "mADE")
    anybody = Viewer(0, is_admin=True)
    for who, sees in ((viewers["ann"], True), (viewers["bob"], False), (anybody, True)):
        assert {access.find(app, each, who) is made for each in references} == {sees}
    readable = (
        f"select has_table_privilege('timestack_readonly', 'datasets.d{made.id}', 'select')"
        f" and has_table_privilege('timestack_readonly', 'datasets.d{made.id}_1d', 'select')"
    )
    assert provisioned.sql(readable) == "f"
    for visibility, seen in (("everybody", "t"), ("mine", "f")):
        changes.change(app, made, visibility=visibility)
        app.commit()
        assert bool(access.find(app, "made", viewers["bob"])) == (seen == "t")
        assert work(provisioned, "datasets.make").state == "succeeded"
        assert provisioned.sql(readable) == seen
        assert drift(provisioned) == []


def test_what_a_hand_changed_is_seen_and_converged_as_of_any_table(
    provisioned: Database, app: Session, made: Dataset, write: Callable[..., Path]
) -> None:
    table = uploaded.table_of(made.id)
    provisioned.sql(f"drop index datasets.d{made.id}_time_idx; drop table {table}_1d cascade")
    assert [line.split(":")[0] for line in drift(provisioned) if "grant" not in line] == [
        f"+ index on {table}",
        f"+ rollup {table}_1d",
        f"~ rollup {table}_28d",
        f"~ rollups of {table}",
    ]
    provisioned.provision()
    assert drift(provisioned) == []
    file = write("time,time_drop_table,power\n2024-01-01T00:00Z,z,7\n")
    assert loading.main([str(file), "--table", table]) == 0
    assert loading.main([str(file), "--table", "datasets.d999"]) == 2
    with Session(provisioned.engine()) as session, session.begin():
        rollups.refresh_all(session)
    assert provisioned.sql(f"select power_sum from {table}_total_28d") == "7"
    provisioned.sql("create table datasets.orphan (time timestamptz not null);"
                    " select create_hypertable('datasets.orphan', by_range('time'))")  # fmt: skip
    assert any("datasets.orphan" in line for line in drift(provisioned))
    provisioned.sql("drop table datasets.orphan")
