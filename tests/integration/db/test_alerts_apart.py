"""Rules that cannot be looked at: datasets that come and go, and statements that fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import event, insert

from tests.integration.db.conftest import SCHEMA_FILE, Database
from timestack import db
from timestack.domains.alerts import datasets, faults, looking, rules
from timestack.domains.alerts.changes import Evaluation
from timestack.domains.alerts.evaluate import evaluate
from timestack.models.datasets import Dataset
from timestack.series import catalog

pytestmark = pytest.mark.database

DECLARED = catalog.load(SCHEMA_FILE)
TIDES = {
    "time": "time",
    "chunk_interval": "1 day",
    "types": [["time", "timestamptz"], ["pier", "text"], ["metres", "double precision"]],
    "unique": ["pier", "time desc"],
    "rollups": [{"keys": ["pier"], "values": ["metres"], "levels": ["1 hour"]}],
}
HIGH = "rules: {high: {table: datasets.d%d, above: 3, clear: 2}"
HOT = "hot: {table: readings, above: 30, clear: 25}"
NEW = "table: operations, value: waiting_jobs, above: 5, clear: 3"


@pytest.fixture(scope="module")
def tides(provisioned: Database) -> Iterator[int]:
    """The id of a dataset, as the worker that makes tables leaves it."""
    engine = db.init(provisioned.settings("app"))
    with db.session() as session:
        row = {
            "name": "Tides",
            "visibility": "everybody",
            "declared": TIDES,
            "layout": {},
            "source": "tides.csv",
            "state": "ready",
        }
        id = session.scalar(insert(Dataset).returning(Dataset.id), row)
    provisioned.sql(
        f"create table datasets.d{id} (time timestamptz not null, pier text not null,"
        " metres float8, unique (pier, time));"
        f" select create_hypertable('datasets.d{id}', by_range('time', interval '1 day'));"
        f" create table datasets.d{id}_1h (bucket timestamptz not null, pier text, n bigint);"
        f" grant select on datasets.d{id}, datasets.d{id}_1h to timestack_app;"
        " insert into sensors (type, location, name, unit) values ('t', 'l', 'n', '1')"
    )
    yield id
    engine.dispose()


@pytest.fixture(autouse=True)
def nothing(provisioned: Database, tides: int) -> None:
    provisioned.sql(
        "truncate readings, alerts, alert_faults, jobs;"
        " insert into readings select now() - interval '1 minute', id, 99 from sensors;"
        f" truncate datasets.d{tides};"
        f" insert into datasets.d{tides} values (now() - interval '1 minute', 'north', 4),"
        " (now() - interval '1 minute', 'south', 1);"
        f" update datasets set state = 'ready', visibility = 'everybody' where id = {tides}"
    )


def declare(text: str) -> rules.Rules:
    return rules.parse(text, DECLARED)


def look(given: rules.Rules) -> Evaluation:
    with db.session() as session:
        return evaluate(session, given, DECLARED)


def open_alerts(found: Evaluation) -> set[tuple[str, str]]:
    return {(each.rule, each.label) for each in found.alerts if each.state == "firing"}


def noted(given: rules.Rules) -> dict[str, str]:
    """What the page shows of rules that cannot be looked at."""
    with db.session() as session:
        return faults.current(session, given, datasets.known(session, given, DECLARED))


def subjects(provisioned: Database) -> list[str]:
    found = provisioned.sql("select params ->> 'subject' from jobs where kind = 'notify.send'")
    return sorted(found.splitlines())


# Datasets


def test_a_rule_is_about_a_dataset_that_everybody_may_see(tides: int) -> None:
    given = declare(HIGH % tides + "}")
    found = look(given)
    assert open_alerts(found) == {("high", "north")}
    assert (found.alerts[0].source, found.alerts[0].value_column) == (
        f"datasets.d{tides}",
        "metres",
    )
    assert noted(given) == {}


@pytest.mark.parametrize(
    "hidden", ["visibility = 'mine'", "state = 'deleting'", "state = 'preparing'"]
)
def test_a_dataset_that_not_everybody_may_see_is_as_one_that_is_not_there(
    provisioned: Database, tides: int, hidden: str
) -> None:
    of_this, of_none = (declare(HIGH % id + "}") for id in (tides, 999_999))
    look(of_this)
    provisioned.sql(f"update datasets set {hidden} where id = {tides}")
    said = {look(each).faults["high"].replace(f"d{id}`", "d…`")
            for each, id in ((of_this, tides), (of_none, 999_999))}  # fmt: skip
    [sentence] = said
    assert sentence.startswith("there is no dataset `datasets.d…` that everybody may see")
    assert "high" in noted(of_this)


def test_of_a_dataset_that_was_deleted_the_alerts_end_and_other_rules_go_on(
    provisioned: Database, tides: int
) -> None:
    given = declare(f"{HIGH % tides}, {HOT}}}")
    assert {rule for rule, _ in open_alerts(look(given))} == {"high", "hot"}
    provisioned.sql(f"update datasets set state = 'deleting' where id = {tides}")
    assert {rule for rule, _ in open_alerts(look(given))} == {"hot"}
    reason = provisioned.sql("select reason from alerts where rule = 'high'")
    assert reason.startswith(f"there is no dataset `datasets.d{tides}`")
    # Told once, by the look that found it.
    look(given)
    assert subjects(provisioned).count("alert rule high cannot be looked at") == 1


def test_a_column_that_a_dataset_does_not_have_is_named(tides: int) -> None:
    given = declare(HIGH.replace("above", "value: feet, above") % tides + "}")
    assert look(given).faults == {"high": "value: `feet` is not a value of it: use one of metres"}


# Statements that fail


def test_a_rule_whose_column_is_gone_says_so_keeps_its_alerts_and_stops_no_other(
    provisioned: Database, tides: int
) -> None:
    given = declare(f"{HIGH % tides}, {HOT}}}")
    look(given)
    provisioned.sql(f"alter table datasets.d{tides} rename metres to yards")
    try:
        provisioned.sql("delete from alerts where rule = 'hot'")
        found = look(given)
        assert open_alerts(found) == {("high", "north"), ("hot", "t, l, n (1)")}
        [(name, why)] = found.faults.items()
        assert (name, why) == (
            "high",
            'the database refuses its statement: column "metres" does not exist',
        )
        assert noted(given) == found.faults
        look(given)
        assert subjects(provisioned).count("alert rule high cannot be looked at") == 1
    finally:
        provisioned.sql(f"alter table datasets.d{tides} rename yards to metres")
    assert look(given).faults == {}
    assert noted(given) == {}


def test_a_rule_that_takes_too_long_stops_no_other(
    provisioned: Database, tides: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timestack.domains.alerts.evaluate.EACH", 3.0)
    monkeypatch.setattr(looking, "EACH", 3.0)
    # What is read of the table takes a minute a row.
    provisioned.sql(
        "create function slowly(float8) returns float8 language sql volatile as"
        " 'select $1 from pg_sleep(60)';"
        f" alter table datasets.d{tides} rename to d0;"
        f" create view datasets.d{tides} as"
        " select time, pier, slowly(metres) as metres from datasets.d0;"
        f" grant select on datasets.d{tides} to timestack_app"
    )
    try:
        found = look(declare(f"{HIGH % tides}, {HOT}}}"))
    finally:
        provisioned.sql(
            f"drop view datasets.d{tides}; alter table datasets.d0 rename to d{tides};"
            " drop function slowly"
        )
    assert open_alerts(found) == {("hot", "t, l, n (1)")}
    assert found.faults == {"high": looking.SLOW}
    assert found.result(declare("rules:"))["failed"] == 1


def test_where_all_is_well_each_statement_is_run_once_in_one_savepoint(
    provisioned: Database,
) -> None:
    seen: list[str] = []
    engine = db.init(provisioned.settings("app"))
    event.listen(engine, "before_cursor_execute", lambda *each: seen.append(each[2]))
    event.listen(engine, "savepoint", lambda *_: seen.append("savepoint"))
    assert look(declare(f"rules: {{{HOT}, new: {{{NEW}}}}}")).faults == {}
    assert seen.count("savepoint") == 1
    assert sum("judged" in each for each in seen) == 2
    engine.dispose()
