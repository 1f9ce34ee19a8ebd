"""What a month of an account was, by the real database: figures, months, and whose they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import Engine, event

from tests.integration.db.conftest import Database
from tests.usage import NAMES, fill, row, some
from timestack import db
from timestack.domains import usage
from timestack.domains.usage import figures
from timestack.domains.usage.months import Month

pytestmark = pytest.mark.database

OCTOBER = "2026-10"


@pytest.fixture(scope="module")
def engine(provisioned: Database) -> Iterator[Engine]:
    engine = db.init(provisioned.settings("app"))
    yield engine
    engine.dispose()


@pytest.fixture(autouse=True)
def rows(provisioned: Database, engine: Engine) -> None:
    """anna's, and bert's, whose project has the name of one of hers."""
    fill(provisioned, [*some(), row("bert", NAMES[0], "2026-10-05", ingested_seconds=7200)])


def shown(name: str, month: str | None = OCTOBER, account: str = "anna") -> usage.Figure:
    return usage.figure(account, name, month)


def numbers(figure: usage.Figure, column: int) -> list[Decimal]:
    return [Decimal(each.cells[column].replace(",", "")) for each in figure.rows]


def total(figure: usage.Figure, column: int) -> Decimal:
    return Decimal(figure.total.cells[column].replace(",", ""))


# Hours per project


def test_hours_are_the_sum_of_the_four_volumes_and_the_parts_sum_to_the_total(
    provisioned: Database,
) -> None:
    found = shown("projects")
    asked = "select sum(ingested_seconds + transcribed_seconds + subtitled_seconds"
    seconds = provisioned.sql(
        f"{asked} + translated_seconds) from usage where account = 'anna' and day >= '2026-10-01'"
    )
    assert total(found, 1) == round(Decimal(seconds) / 3600, 1) == sum(numbers(found, 1))
    assert sum(Decimal(each.cells[2].rstrip("%")) for each in found.rows) == 100
    assert [each.cells[0] for each in found.rows] == [*NAMES[:5], "Others (4 projects)"]
    assert [each.key for each in found.rows] == [1, 2, 3, 4, 5, 0]
    assert found.about.startswith(f"{found.total.cells[1]} hours in October 2026: ")


def test_what_is_drawn_is_what_is_in_the_table() -> None:
    for name, column in (("projects", 1), ("storage", 2)):
        [trace] = shown(name).plot["data"]
        values = [value for value, key in zip(trace["values"], trace["meta"], strict=True)
                  if key is not None]  # fmt: skip
        assert values == [float(each) for each in numbers(shown(name), column)]


def test_of_projects_with_the_same_hours_the_names_decide(provisioned: Database) -> None:
    names = ["f", "b", "e", "a", "d", "c"]
    fill(provisioned, [row("anna", each, "2026-10-01", ingested_seconds=3600) for each in names])
    found = shown("projects")
    assert [each.cells[0] for each in found.rows] == ["a", "b", "c", "d", "e", "Others (1 project)"]
    assert sum(numbers(found, 1)) == total(found, 1) == 6


def test_a_day_that_was_lowered_shows_as_it_is_now(provisioned: Database) -> None:
    fill(provisioned, [row("anna", "a", "2026-10-01", ingested_seconds=36_000)])
    assert shown("projects").total.cells[1] == "10.0"
    provisioned.sql(
        "insert into usage (account, project, day, ingested_seconds)"
        " values ('anna', 'a', '2026-10-01', 18000) on conflict (account, project, day)"
        " do update set ingested_seconds = excluded.ingested_seconds"
    )
    assert shown("projects").total.cells[1] == "5.00"
    assert shown("volumes").rows[0].cells == ("Ingested", "0.00", "0.00", "5.00")


def test_a_deleted_project_keeps_its_hours_and_is_marked_and_has_no_storage(
    provisioned: Database,
) -> None:
    rows = [
        row("anna", "gone", "2026-10-01", ingested_seconds=3600, storage_video_mb=5000),
        row("anna", "gone", "2026-10-02", deleted=True, storage_video_mb=5000),
        row("anna", "kept", "2026-10-02", ingested_seconds=1800, storage_video_mb=1000),
    ]
    fill(provisioned, rows)
    assert [(each.cells[0], each.note) for each in shown("projects").rows] == [
        ("gone", "deleted"), ("kept", ""),
    ]  # fmt: skip
    found = shown("storage")
    assert [each.cells for each in found.rows] == [("kept", "video", "1.00", "100.0%")]
    assert found.notes == ("Left out: 1 project that the platform has deleted.",)


def test_a_month_without_any_hour_says_so(provisioned: Database) -> None:
    fill(provisioned, [row("anna", "a", "2026-10-01")])
    assert (shown("projects").about, shown("projects").plot) == ("No hours in October 2026.", None)
    assert shown("storage").about == "Nothing stored on 1 October 2026."
    assert shown("storage").plot is None


def test_a_file_that_brought_what_is_no_number_hides_no_other_row(provisioned: Database) -> None:
    fill(provisioned, [row("anna", "a", "2026-10-01", ingested_seconds=3600, storage_text_mb=2000)])
    provisioned.sql(
        "insert into usage (account, project, day, ingested_seconds, storage_video_mb)"
        " values ('anna', 'b', '2026-10-01', 'NaN', 'Infinity')"
    )
    assert shown("projects").total.cells[1] == "1.00"
    assert shown("storage").total.cells[2] == "2.00"


# Storage


def test_storage_is_of_the_newest_day_of_the_month_though_none_is_of_yesterday() -> None:
    assert " on 20 October 2026, " in shown("storage").about
    assert " on 20 September 2026, " in shown("storage", "2026-09").about


def test_no_part_of_the_storage_is_lost_and_none_is_there_twice(provisioned: Database) -> None:
    found = shown("storage")
    megabytes = provisioned.sql(
        "select sum(storage_video_mb + storage_audio_mb + storage_image_mb + storage_text_mb"
        " + storage_other_mb) from usage"
        " where account = 'anna' and day = '2026-10-20' and not deleted"
    )
    assert total(found, 2) == round(Decimal(megabytes) / 1000, 1) == sum(numbers(found, 2))
    # Eight projects that are there have four kinds each.
    assert [each.cells[0] for each in found.rows[12:]] == [f"Others ({8 * 4 - 12} parts)"]
    kinds = [each.cells[:2] for each in found.rows]
    assert len(set(kinds)) == len(kinds)


# The four volumes


def test_a_january_shows_the_months_of_the_year_before_and_says_which_have_nothing(
    provisioned: Database,
) -> None:
    fill(
        provisioned,
        [
            row("anna", "a", "2026-01-31", ingested_seconds=3600),
            row("anna", "a", "2025-11-30", translated_seconds=7200),
            # The same months of other years are others.
            row("anna", "a", "2025-01-31", ingested_seconds=36_000),
            row("anna", "a", "2024-11-30", translated_seconds=36_000),
        ],
    )
    found = shown("volumes", "2026-01")
    assert found.columns == ("Hours", "Nov 2025", "Dec 2025", "Jan 2026")
    assert [each.cells for each in found.rows] == [
        ("Ingested", "0.00", "0.00", "1.00"),
        ("Transcribed", "0.00", "0.00", "0.00"),
        ("Subtitled", "0.00", "0.00", "0.00"),
        ("Translated", "2.00", "0.00", "0.00"),
    ]
    assert found.notes == ("No usage in Dec 2025: shown as 0.",)
    assert {each["type"] for each in found.plot["data"]} == {"bar"}
    assert found.about == "Hours from Nov 2025 to Jan 2026."


def test_a_february_is_found(provisioned: Database) -> None:
    fill(provisioned, [row("anna", "a", "2028-02-29", ingested_seconds=3600)])
    assert shown("projects", "2028-02").total.cells[1] == "1.00"


def test_hours_are_of_the_month_alone(provisioned: Database) -> None:
    days = ("2026-09-30", "2026-10-01", "2026-10-31", "2026-11-01")
    fill(provisioned, [row("anna", each, each, ingested_seconds=3600) for each in days])
    assert [each.cells[0] for each in shown("projects").rows] == list(days[1:3])


# Asked for


@pytest.mark.parametrize("name", usage.NAMES)
def test_a_figure_is_one_statement(engine: Engine, name: str) -> None:
    asked: list[str] = []
    with db.acting_for("anna"), db.session() as session:
        session.connection()

        def note(_connection, _cursor, statement, *_) -> None:
            asked.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        try:
            figures.read(session, name, Month(2026, 10))
        finally:
            event.remove(engine, "before_cursor_execute", note)
    assert len(asked) == 1


def test_the_newest_month_is_shown_by_default_and_its_neighbours_are_those_with_usage() -> None:
    view = usage.look(None, "anna", None, admin=False)
    assert (str(view.month), list(view.figures)) == (OCTOBER, list(usage.NAMES))
    assert [str(each) for each in view.months] == ["2026-08", "2026-09", OCTOBER]
    assert (str(view.beside(-1)), view.beside(1)) == ("2026-09", None)
    assert list(view.accounts) == []


@pytest.mark.parametrize(
    ("month", "sentence"),
    [
        ("2026-13", "“2026-13” is not a month such as 2026-10."),
        ("Feb ", "“Feb ” is not a month such as 2026-10."),
        ("2199-01", "There is no usage in January 2199."),
        ("2025-10", "There is no usage in October 2025."),
    ],
)
def test_a_month_that_is_not_there_is_a_sentence_with_those_that_are(
    month: str, sentence: str
) -> None:
    view = usage.look(None, "anna", month, admin=False)
    assert view.fault == f"{sentence} There is usage from August 2026 to October 2026."
    assert (view.month, dict(view.figures), len(view.months)) == (None, {}, 3)


def test_a_day_that_is_a_mistake_offers_no_month(provisioned: Database) -> None:
    provisioned.sql(
        "insert into usage (account, project, day) values ('anna', 'a', '9999-12-31'),"
        " ('anna', 'a', '0001-01-01')"
    )
    view = usage.look(None, "anna", None, admin=False)
    assert [str(each) for each in view.months] == ["2026-08", "2026-09", OCTOBER]


def test_only_an_administrator_may_choose_an_account() -> None:
    with pytest.raises(usage.RefusedError, match="your own account"):
        usage.look("bert", "anna", None, admin=False)
    with pytest.raises(usage.RefusedError):
        usage.look("bert", None, None, admin=False)
    assert usage.look("anna", "anna", None, admin=False).month
    view = usage.look("bert", "anna", None, admin=True)
    assert view.figures["projects"].rows[0].cells == (NAMES[0], "2.00", "100.0%")
    assert usage.look(None, None, None, admin=False).account is None


def test_an_administrator_is_offered_the_accounts_that_have_usage(provisioned: Database) -> None:
    result = json.dumps({"last": "2026-10-31", "accounts": {"bert": 1, "cleo": 0}})
    provisioned.sql(
        "insert into users (email, account, fs_uniquifier) values ('a@example.org', 'anna', 'a'),"
        " ('d@example.org', 'without', 'd'), ('e@example.org', null, 'e');"
        " insert into jobs (id, kind, state, result)"
        f" values (gen_random_uuid(), 'usage.ingest', 'succeeded', '{result}')"
    )
    try:
        assert usage.accounts() == ["anna", "bert"]
        # Without one of their own it is the first.
        assert usage.choose(None, None, admin=True) == "anna"
    finally:
        provisioned.sql("truncate jobs; delete from users")


@pytest.mark.parametrize("account", ["gone", "x" * 201, "a\nb", "\u202etxet", "' or true --"])
def test_an_account_that_is_not_there_is_a_sentence(account: str) -> None:
    fault = usage.look(account, "anna", None, admin=True).fault
    assert fault.startswith(("There is no usage of the account “", "“"))
    assert fault.isprintable()


def test_an_account_without_any_usage_shows_nothing_and_is_no_fault() -> None:
    view = usage.look(None, "new", None, admin=False)
    assert (view.account, list(view.months), view.month, view.fault) == ("new", [], None, "")
