"""Plan, apply and drift: what a hand changed is found, and only what is meant is destroyed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from scripts.provision import apply as applying
from scripts.provision import plan as planning
from scripts.provision.errors import Refused, Unfinished
from tests.integration.db.conftest import SCHEMA_FILE, Database
from timestack.series import catalog, rollups

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]


def drift(database: Database, declared: catalog.Catalog | None = None) -> list[str]:
    with database.engine().connect() as connection:
        return [
            step.line()
            for step in planning.plan(declared or catalog.load(SCHEMA_FILE), connection).steps
        ]


def apply(database: Database, declared: catalog.Catalog | None = None, **options) -> None:
    applying.apply(declared or catalog.load(SCHEMA_FILE), database.engine(), **options)


# What a person might do in psql or pgAdmin, and how the plan names it.
BY_HAND = {
    "an index dropped": ("drop index readings_sensor_id_time_key", "+ unique key on readings"),
    "an index added": ("create index extra on readings (value)", "- index extra: not declared"),
    "the chunk interval changed": (
        "select set_chunk_time_interval('readings', interval '1 day')",
        "~ hypertable readings: chunk interval 1 day -> 90 days",
    ),
    "a right given": (
        "grant delete on imports to timestack_app",
        "- grant on imports: revoke delete from timestack_app",
    ),
    "a right given to everybody": (
        "grant select on readings to public",
        "- grant on readings: revoke select from public",
    ),
    "a right taken": (
        "revoke insert on readings from timestack_app",
        "+ grant on readings: grant insert to timestack_app",
    ),
    "row security switched off": (
        "alter table usage disable row level security",
        "~ row security of usage: enabled",
    ),
    "a row policy widened": (
        "alter policy own_rows on usage using (true)",
        "~ row policy own_rows on usage",
    ),
    "a row policy added": (
        "create policy mine on usage using (true)",
        "- row policy mine on usage: not declared",
    ),
    "a role made a member": (
        "set role timestack_owner; grant pg_monitor to timestack_app",
        "- role timestack_app: not declared: member of pg_monitor",
    ),
    "a role that may make roles": (
        "alter role timestack_app createrole",
        "~ role timestack_app: no createrole",
    ),
    "a role that may not log in": (
        "alter role timestack_readonly nologin",
        "~ role timestack_readonly: may log in",
    ),
    "a role's setting changed": (
        "alter role timestack_readonly set statement_timeout = 0",
        "~ role timestack_readonly: its settings",
    ),
}
# The same of what an edition keeps rollups by.
BY_HAND_APACHE = {
    "a rollup dropped": ("drop table readings_1d", "+ rollup readings_1d"),
    "a rollup's column dropped": (
        "alter table readings_1d drop column value_max",
        "~ rollup readings_1d: 1 day from readings_1h, made again",
    ),
    "a rollup's index dropped": (
        "drop index readings_1d_bucket_idx",
        "+ index on readings_1d: (bucket desc)",
    ),
    "a trigger dropped": (
        "drop trigger timestack_delete on readings",
        "+ trigger timestack_delete on readings",
    ),
    "a trigger added": (
        "create trigger mine after insert on readings"
        " for each statement execute function timestack.record_change('time', '1 day')",
        "- trigger mine on readings: not declared",
    ),
    "a function rewritten": (
        "create or replace function timestack.refresh_readings_1d(spans tstzmultirange)"
        " returns bigint language sql security definer as 'select 0::bigint'",
        "~ function timestack.refresh_readings_1d: another body",
    ),
    "a function that runs as its caller": (
        "alter function timestack.take_changes(text, timestamptz) security invoker",
        "~ function timestack.take_changes: another body",
    ),
    "a function opened to everybody": (
        "grant execute on function timestack.take_changes(text, timestamptz) to public",
        "~ function timestack.take_changes: may be called by public, timestack_app",
    ),
}
POLICY_OF_READINGS_1D = (
    "select {call} from timescaledb_information.jobs j"
    " join timescaledb_information.continuous_aggregates c on c.view_name = 'readings_1d'"
    " and j.hypertable_name in (c.view_name, c.materialization_hypertable_name)"
)
BY_HAND_TIMESCALE = {
    "a rollup dropped": ("drop materialized view readings_1d", "+ rollup readings_1d"),
    "a rollup made in another way": (
        "comment on view readings_1d is 'mine'",
        "~ rollup readings_1d: 1 day from readings_1h, made again",
    ),
    "a rollup below made in another way": (
        "comment on view readings_1h is 'mine'",
        "~ rollup readings_1d: 1 day from readings_1h, made again",
    ),
    "a rollup that is not materialized only": (
        "alter materialized view readings_1d set (timescaledb.materialized_only = false)",
        "~ rollup readings_1d: materialized only",
    ),
    "a refresh policy dropped": (
        "select remove_continuous_aggregate_policy('readings_1d')",
        "+ refresh policy of readings_1d",
    ),
    "a refresh policy at another interval": (
        POLICY_OF_READINGS_1D.format(call="alter_job(job_id, schedule_interval => '1 day')"),
        "~ refresh policy of readings_1d",
    ),
    "a refresh policy of another range": (
        "select remove_continuous_aggregate_policy('readings_1d');"
        "select add_continuous_aggregate_policy('readings_1d', start_offset => interval '9 days',"
        " end_offset => interval '1 day', schedule_interval => interval '5 minutes')",
        "~ refresh policy of readings_1d",
    ),
    "a columnstore policy dropped": (
        "call remove_columnstore_policy('readings')",
        "+ columnstore policy of readings",
    ),
    "a columnstore in another order": (
        "alter table readings set (timescaledb.orderby = 'time')",
        "~ columnstore of readings",
    ),
    "a retention policy added": (
        "select add_retention_policy('readings', drop_after => interval '30 years')",
        "- retention policy of readings: not declared",
    ),
    "a policy on a table that the file does not name": (
        "create table mine (time timestamptz not null); alter table mine owner to timestack_owner;"
        "set role timestack_owner; select create_hypertable('mine', by_range('time'));"
        "select add_retention_policy('mine', drop_after => interval '30 years')",
        "- policy retention of mine: not declared",
    ),
    "a function rewritten": (
        "create or replace function timestack.run_refresh_policy(rollup text)"
        " returns integer language sql security definer as 'select 0'",
        "~ function timestack.run_refresh_policy: another body",
    ),
    "a function opened to everybody": (
        "grant execute on function timestack.run_refresh_policy(text) to public",
        "~ function timestack.run_refresh_policy: may be called by public, timestack_app",
    ),
}


def put_right(database: Database, statement: str, line: str) -> None:
    assert drift(database) == []
    database.sql(statement)
    found = drift(database)
    assert any(each.startswith(line) for each in found), found
    apply(database, allow_destructive=True)
    database.sql("drop table if exists mine")
    assert drift(database) == []


@pytest.mark.parametrize(("statement", "line"), BY_HAND.values(), ids=BY_HAND)
def test_what_a_hand_changed_is_found_and_put_right(
    provisioned: Database, statement: str, line: str
) -> None:
    put_right(provisioned, statement, line)


@pytest.mark.editions("apache")
@pytest.mark.parametrize(("statement", "line"), BY_HAND_APACHE.values(), ids=BY_HAND_APACHE)
def test_what_a_hand_changed_of_our_own_rollups_is_found_and_put_right(
    provisioned: Database, statement: str, line: str
) -> None:
    put_right(provisioned, statement, line)


@pytest.mark.editions("timescale")
@pytest.mark.parametrize(("statement", "line"), BY_HAND_TIMESCALE.values(), ids=BY_HAND_TIMESCALE)
def test_what_a_hand_changed_of_continuous_aggregates_and_policies_is_found_and_put_right(
    provisioned: Database, statement: str, line: str
) -> None:
    put_right(provisioned, statement, line)


@pytest.mark.parametrize("attribute", ["createdb", "replication", "bypassrls", "superuser"])
def test_what_only_a_superuser_may_take_back_is_told_with_its_statement_and_the_rest_is_done(
    provisioned: Database, attribute: str
) -> None:
    provisioned.sql(
        f"alter role timestack_app {attribute}; alter role timestack_app set work_mem = '8MB';"
        "create index extra on readings (value)"
    )
    undo = f'alter role "timestack_app" no{attribute}'
    with pytest.raises(Unfinished, match=undo):
        apply(provisioned)
    left = drift(provisioned)
    assert f"~ role timestack_app: no {attribute}, by a superuser: {undo}" in left
    assert not any("extra" in line for line in left)
    provisioned.sql(undo)
    apply(provisioned)
    assert drift(provisioned) == []


def test_drift_exits_with_2_and_plan_with_0(provisioned: Database, command, capsys) -> None:
    assert command(provisioned, "drift") == 0
    provisioned.sql("create index extra on readings (value)")
    assert command(provisioned, "drift") == 2
    assert "- index extra" in capsys.readouterr().out
    assert command(provisioned, "plan") == 0
    assert command(provisioned, "apply") == 0
    assert command(provisioned, "drift") == 0


def test_a_plan_for_a_program(provisioned: Database, command, capsys) -> None:
    provisioned.sql("create index extra on readings (value)")
    assert command(provisioned, "plan", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["edition"] == provisioned.server.edition
    assert [(step["action"], step["object"]) for step in document["steps"]] == [
        ("drop", "index extra")
    ]
    apply(provisioned)


def test_a_plan_changes_nothing(database: Database, command) -> None:
    assert command(database, "roles") == 0
    assert command(database, "migrate") == 0
    assert command(database, "plan") == 0
    assert database.sql("select count(*) from timescaledb_information.hypertables") == "0"


def test_applied_twice_the_second_plan_is_empty(database: Database) -> None:
    database.provision()
    assert drift(database) == []


def fails_half_way(database: Database) -> None:
    """An apply that a row prevents, found when the first of its steps are done."""
    database.provision(catalog.parse("hypertables: {}"))
    database.sql(
        "insert into sensors (type, location, name, unit) values ('t', 'l', 'n', 'u');"
        "insert into readings values ('2024-01-01', 1, 1), ('2024-01-01', 1, 2)"
    )
    with pytest.raises(Exception, match="could not create unique index"):
        apply(database)


def converges(database: Database) -> None:
    database.sql("delete from readings where value = 2")
    apply(database)
    assert drift(database) == []
    assert database.sql("select count(*) from readings") == "1"


@pytest.mark.editions("apache")
def test_an_apply_that_fails_half_way_leaves_nothing_behind(database: Database) -> None:
    fails_half_way(database)
    assert database.sql("select count(*) from timescaledb_information.hypertables") == "0"
    converges(database)


@pytest.mark.editions("timescale")
def test_an_apply_that_fails_half_way_goes_on_from_there(database: Database) -> None:
    """A continuous aggregate is computed in no transaction: what came before it stays."""
    fails_half_way(database)
    converges(database)


READINGS = """
hypertables:
  readings:
    time: time
    chunk_interval: 1 day
    unique: [sensor_id, time desc]
"""


def declare(*lines: str) -> catalog.Catalog:
    return catalog.parse(READINGS + "".join(f"    {line}\n" for line in lines))


@pytest.fixture
def filled(make_database: Callable[[], Database]) -> Database:
    """A migrated database whose plain table `readings` has 100 hours of one sensor."""
    database = make_database()
    database.provision(catalog.parse("hypertables: {}"))
    database.sql(
        "insert into sensors (type, location, name, unit) values ('t', 'l', 'n', 'u');"
        "insert into readings select timestamptz '2024-01-01' + n * interval '1 hour', 1, n"
        " from generate_series(1, 100) n"
    )
    return database


def content(database: Database) -> str:
    return database.sql("select count(*), sum(value), min(time), max(time) from readings")


def test_a_plain_table_becomes_a_hypertable_with_its_rows(filled: Database) -> None:
    before = content(filled)
    apply(filled, declare())
    assert content(filled) == before
    assert filled.sql("select num_chunks from timescaledb_information.hypertables") == "5"
    assert filled.sql("select count(*) from only readings") == "0"


def test_and_with_a_hash_partition(filled: Database) -> None:
    before = content(filled)
    apply(filled, declare("partition: {column: sensor_id, count: 3}"))
    assert content(filled) == before
    assert (
        filled.sql(
            "select num_partitions from timescaledb_information.dimensions"
            " where column_name = 'sensor_id'"
        )
        == "3"
    )
    assert drift(filled, declare("partition: {column: sensor_id, count: 3}")) == []


def test_a_chunk_interval_is_changed(filled: Database) -> None:
    apply(filled, declare())
    longer = catalog.parse(READINGS.replace("1 day", "7 days"))
    assert drift(filled, longer) == [
        "~ hypertable readings: chunk interval 1 day -> 7 days, for new chunks"
    ]
    apply(filled, longer)
    assert drift(filled, longer) == []


ROLLUP = "rollups: [{keys: [sensor_id], values: [value], levels: [1 hour, 1 day]}]"
ONE_LEVEL = "rollups: [{keys: [sensor_id], values: [value], levels: [1 hour]}]"


def refused(database: Database, declared: catalog.Catalog) -> str:
    before = drift(database, declared)
    with pytest.raises(Refused) as error:
        apply(database, declared)
    assert "nothing was changed" in str(error.value)
    assert drift(database, declared) == before
    return str(error.value)


def test_a_rollup_is_dropped_only_when_allowed(filled: Database) -> None:
    apply(filled, declare(ROLLUP))
    assert "rollup readings_1d: not declared: its buckets go" in refused(filled, declare(ONE_LEVEL))
    apply(filled, declare(ONE_LEVEL), allow_destructive=True)
    assert drift(filled, declare(ONE_LEVEL)) == []
    assert filled.sql("select to_regclass('readings_1d') is null") == "t"


def test_a_unique_key_is_dropped_only_when_allowed(filled: Database) -> None:
    apply(filled, declare())
    other = catalog.parse(READINGS.replace("[sensor_id, time desc]", "[time, sensor_id]"))
    assert "a unique key goes" in refused(filled, other)
    apply(filled, other, allow_destructive=True)
    assert drift(filled, other) == []


def expire(database: Database) -> int:
    """Have expired chunks of `readings` dropped as the edition does it; returns how many."""
    count = "select count(*) from show_chunks('readings')"
    before = int(database.sql(count))
    if database.server.edition == "apache":
        database.sql("select timestack.drop_expired_readings()")
    else:
        job = database.sql(
            "select job_id from timescaledb_information.jobs where proc_name = 'policy_retention'"
        )
        database.sql(f"call run_job({job})")
    return before - int(database.sql(count))


def refresh(database: Database, declared: catalog.Catalog, **options) -> None:
    with Session(database.engine()) as session, session.begin():
        rollups.refresh_all(session, declared=declared, **options)


def test_a_retention_that_drops_rows_is_applied_only_when_allowed(filled: Database) -> None:
    apply(filled, declare())
    assert "drops 5 chunks" in refused(filled, declare("retention: 30 days"))
    apply(filled, declare("retention: 30 days"), allow_destructive=True)
    assert expire(filled) == 5
    assert content(filled).startswith("0|")


def test_a_retention_that_drops_nothing_needs_no_leave(filled: Database) -> None:
    apply(filled, declare())
    apply(filled, declare("retention: 36500 days"))
    assert expire(filled) == 0


# What leaves a rollup there and not as it was made.
SPOIL = {
    "apache": "alter table readings_1d drop column value_max",
    "timescale": "comment on view readings_1d is 'timestack rollup of readings: another'",
}


def test_rollups_survive_the_rows_they_were_computed_from(filled: Database) -> None:
    declared = declare(ROLLUP, "retention: 30 days", "lateness: 5 days")
    apply(filled, declare(ROLLUP))
    refresh(filled, declare(ROLLUP))
    apply(filled, declared, allow_destructive=True)
    expire(filled)
    filled.sql("insert into readings values ('2024-01-01 12:30', 1, 1000)")
    # On the Community edition a full refresh takes what is there for all there was.
    refresh(filled, declared, full=filled.server.edition == "apache")
    assert filled.sql("select sum(n), max(value_max) from readings_1d") == "100|100"
    # Made again they would be lost, so that needs leave.
    filled.sql(SPOIL[filled.server.edition])
    assert "have no rows to be computed from" in refused(filled, declared)


def test_a_hypertable_s_time_column_and_its_partition_cannot_be_undone(filled: Database) -> None:
    apply(filled, declare("partition: {column: sensor_id, count: 3}"))
    with pytest.raises(Refused, match="partitioned by `sensor_id` as well, which cannot be undone"):
        apply(filled, declare())


def test_a_hypertable_that_the_file_does_not_name_is_a_difference_that_apply_leaves(
    filled: Database, command, capsys
) -> None:
    apply(filled, declare(ROLLUP))
    filled.sql(
        "create table mine (time timestamptz not null);"
        "alter table mine owner to timestack_owner; set role timestack_owner;"
        "select create_hypertable('mine', by_range('time'))"
    )
    nothing = catalog.parse("hypertables: {}")
    found = drift(filled, nothing)
    for table in ("mine", "readings"):
        [line] = [each for each in found if each.startswith(f"- hypertable {table}:")]
        assert "not in services/timescaledb/schema/hypertables.yaml: declare it there" in line
    if filled.server.edition == "apache":
        # Its triggers would go on writing into a list that nobody takes from.
        assert any(each.startswith("- trigger timestack_insert on readings") for each in found)
    apply(filled, nothing, allow_destructive=True)
    assert [line.split(":")[0] for line in drift(filled, nothing)] == [
        "- hypertable mine",
        "- hypertable readings",
    ]
    assert filled.sql("select count(*) from pg_trigger where tgname ~ '^timestack_'") == "0"
    assert content(filled).startswith("100|")


def test_a_table_that_is_partitioned_by_numbers_is_refused_with_its_place(
    provisioned: Database,
) -> None:
    provisioned.sql(
        "create table numbered (time bigint not null);"
        "select create_hypertable('numbered', by_range('time', 1000))"
    )
    text = READINGS.replace("readings", "numbered").replace(
        "    unique: [sensor_id, time desc]", ""
    )
    with pytest.raises(Refused, match=r"file.yaml:4: hypertables.numbered.time: .* whole numbers"):
        drift(provisioned, catalog.parse(text, "file.yaml"))
    provisioned.sql("drop table numbered")


def test_what_the_database_lacks_is_named_in_the_file_with_the_verb_that_makes_it(
    filled: Database, tmp_path, command, capsys
) -> None:
    file = tmp_path / "hypertables.yaml"
    file.write_text(READINGS + "  power:\n    time: time\n    chunk_interval: 1 day\n")
    assert command(filled, "plan", "--file", str(file)) == 2
    output = capsys.readouterr().err
    assert f"{file}:7: hypertables.power: the database has no such table" in output
    assert "`make up`" in output


def test_a_chunk_interval_that_makes_thousands_of_chunks_is_warned_of_with_their_number(
    filled: Database,
) -> None:
    filled.sql(
        "insert into readings select timestamptz '2000-01-01' + n * interval '1 day', 1, n"
        " from generate_series(1, 1200) n"
    )

    def warnings(declared: catalog.Catalog) -> list[str]:
        with filled.engine().connect() as connection:
            found = planning.plan(declared, connection).notes
        return [note for note in found if "chunk_interval" in note]

    shorter = catalog.parse(READINGS.replace("1 day", "1 hour"))
    longer = catalog.parse(READINGS.replace("1 day", "90 days"))
    [warning] = warnings(declare())
    assert "`1 day` makes 1,205 chunks of the rows of readings" in warning
    assert warnings(longer) == []
    apply(filled, longer)
    assert warnings(longer) == []
    # Each chunk of 90 days has room for 2,160 of an hour.
    [warning] = warnings(shorter)
    chunks = int(filled.sql("select count(*) from show_chunks('readings')"))
    assert f"makes {chunks * 2160:,} chunks" in warning


def test_a_plan_opens_a_few_chunks_and_not_all_of_them(filled: Database) -> None:
    declared = declare("bounds: {time: [1900-01-01, 2200-01-01], value: finite}")
    filled.sql(
        "insert into readings select timestamptz '2020-01-01' + n * interval '1 day', 1, n"
        " from generate_series(1, 200) n"
    )
    apply(filled, declared)
    with filled.engine().connect() as connection:
        assert planning.plan(declared, connection).steps == ()
        # Each relation that a query is planned over is locked until the transaction ends.
        opened = "select count(*) from pg_locks l join pg_class c on c.oid = l.relation"
        chunks = connection.exec_driver_sql(
            f"{opened} where pid = pg_backend_pid() and c.relname like '\\_hyper%%chunk'"
        ).scalar()
    assert 0 < chunks < 10
