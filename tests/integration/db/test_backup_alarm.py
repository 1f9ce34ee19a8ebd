"""People are told of backups that are not well: once a day, and when it is over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from tests.integration.db.conftest import Database
from timestack import db
from timestack.domains.jobs import requests, steps
from timestack.domains.operations import backup_alarm, backups
from timestack.domains.operations.budget import Budget
from timestack.domains.operations.check import Check
from timestack.models.jobs import Job

pytestmark = [pytest.mark.database]

OLD = Check("Newest backup", "full, 3 days ago", "act", advice="Take one:", command="make backup")
AWAY = Check("Archive of WAL", "2 hours behind", "act")


@pytest.fixture
def session(environment: dict[str, str]) -> Iterator[Session]:
    with db.session() as opened:
        yield opened


def told(session: Session) -> list[str]:
    """The subjects of what was told, in order; the next is told at another time."""
    session.execute(text("update jobs set created_at = created_at - interval '1 min'"))
    jobs = session.scalars(select(Job).where(Job.kind == "notify.send").order_by(Job.created_at))
    return [each.params["subject"] for each in jobs]


def test_each_is_told_once_a_day_and_then_that_it_is_over(session: Session) -> None:
    backup_alarm.tell(session, [])
    assert told(session) == []
    backup_alarm.tell(session, [OLD])
    assert told(session) == ["backups: newest backup"]
    backup_alarm.tell(session, [OLD, AWAY])
    assert told(session) == ["backups: newest backup", "backups: archive of wal"]
    session.execute(text("update jobs set created_at = created_at - interval '1 day'"))
    backup_alarm.tell(session, [OLD])
    assert told(session)[2:] == ["backups: newest backup"]
    backup_alarm.tell(session, [])
    backup_alarm.tell(session, [])
    assert told(session)[3:] == ["backups are well again"]
    # It is new, however soon it comes.
    backup_alarm.tell(session, [OLD])
    assert told(session)[4:] == ["backups: newest backup"]


def test_the_message_says_what_to_do(session: Session) -> None:
    backup_alarm.tell(session, [OLD])
    sent = session.scalars(select(Job).where(Job.kind == "notify.send")).one().params
    assert sent["text"] == "Newest backup: full, 3 days ago. Take one: make backup"
    assert (sent["event"], sent["path"]) == ("backup", "/dash/operations")


@pytest.mark.usefixtures("environment")
def test_the_last_check_is_what_counts() -> None:
    with db.session() as session:
        assert backups.verified(session) == (None, "")
    for reason in ("damaged: this file", ""):
        with db.session() as session:
            job = requests.add(session, "backups.verify")
            assert steps.claim(session, job.id)
            if reason:
                steps.fail(session, job.id, reason, again=False)
            else:
                steps.succeed(session, job.id, {}, 1)
        with db.session() as session:
            assert backups.verified(session).fault == reason


def test_a_database_that_archives_nothing_says_so_and_raises_no_alarm(
    session: Session, provisioned: Database
) -> None:
    part = backups.read(Budget(session, 60))
    assert (list(part.checks), part.note) == ([], backups.OFF)
    assert backups.figures(session) == {}
    assert backup_alarm.watch(session) == {"wrong": [], "asked_for": ""}
