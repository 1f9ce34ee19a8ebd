"""What pages, API and shell show of jobs costs as much as is shown, however many rows there are."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import event

from tests.integration.db.conftest import Database
from timestack import db
from timestack.dash.jobs import view
from timestack.dash.jobs.address import Address
from timestack.dash.lists import Note
from timestack.domains import jobs
from timestack.domains.jobs import listing

pytestmark = pytest.mark.database

ROWS = 30_000
# Finished jobs of two kinds, some seconds apart; every thousandth failed, two were cancelled.
MANY = f"""
insert into jobs (id, kind, state, progress, created_at, started_at, finished_at, attempts)
select ('00000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid,
       (array['rollups.refresh', 'jobs.probe'])[1 + n % 2],
       case when n % 1000 = 0 then 'failed' when n in (9, {ROWS - 1}) then 'cancelled'
            else 'succeeded' end,
       1, now() - n * interval '2 s', now() - n * interval '2 s', now() - n * interval '2 s', 1
  from generate_series(1, {ROWS}) as n;
insert into jobs (id, kind) select gen_random_uuid(), 'jobs.probe' from generate_series(1, 40);
analyze jobs;
"""


@pytest.fixture
def many(environment, provisioned: Database) -> Database:
    provisioned.sql(MANY)
    return provisioned


def read(plan: dict) -> Iterator[float]:
    """How many rows each scan of the table of jobs looked at."""
    if plan.get("Relation Name") == "jobs":
        yield (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    for each in plan.get("Plans", []):
        yield from read(each)


@pytest.mark.parametrize(
    "asked",
    [
        *({}, {"state": "failed"}, {"state": "cancelled"}, {"state": "succeeded"}),
        *({"state": "unfinished"}, {"kind": "usage.ingest"}, {"kind": "jobs.probe"}),
        *({"kind": "of.former.days"}, {"kind": "jobs.probe", "state": "failed"}),
        *({"before": str(UUID(int=ROWS // 2))}, {"job": str(UUID(int=1))}),
    ],
)
def test_a_page_reads_no_more_rows_than_a_few_times_what_it_shows(
    many: Database, monkeypatch: pytest.MonkeyPatch, asked: dict[str, str]
) -> None:
    monkeypatch.setattr(listing, "MOST_COUNTED", 100)
    statements: list[tuple] = []
    with db.session() as session:
        engine = session.get_bind()
        note = lambda *given: statements.append(given[2:4])  # noqa: E731
        event.listen(engine, "before_cursor_execute", note)
        view.read(session, Address.read(asked), Note(), admin=True)
        event.remove(engine, "before_cursor_execute", note)
        assert statements
        looked = 0.0
        for statement, values in statements:
            explain = f"explain (analyze, format json) {statement}"
            [plan] = session.connection().exec_driver_sql(explain, values).scalar()
            looked += sum(read(plan["Plan"]))
    assert looked < 1000


def test_what_is_beyond_counting_is_not_counted(
    many: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_COUNTED", 20)
    with db.session() as session:
        counts = listing.counts(session)
        shown = view.read(session, Address(), Note(), admin=True).sections["counts"]
    assert counts == {"queued": 20, "running": 0, "succeeded": 20, "failed": 20, "cancelled": 2}
    assert "20+" in str(shown)


def test_those_that_start_first_are_first_in_line(environment) -> None:
    ids = [jobs.submit("jobs.probe", priority=priority).id for priority in (5, 9, 0, 5)]
    with db.session() as session:
        line = [job.id for job in listing.line(session)]
        assert line == [ids[2], ids[0], ids[3], ids[1]]
        assert [job.id for job in listing.line(session, "usage.ingest")] == []
        assert len(listing.line(session, limit=2)) == 2
