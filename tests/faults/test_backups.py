"""The archive is away while rows are written; a byte of the repository is another one."""

from __future__ import annotations

import pytest

from tests.faults.ledger import Ledger
from tests.integration.test_jobs import finished, submit
from tests.stack import Stack, wait_until

pytestmark = pytest.mark.stack

FOLDER = "/var/lib/pgbackrest/archive"
# Flips one bit in the middle of the largest file of a full backup, and prints which one it is.
FLIP = """
import pathlib
found = pathlib.Path("/var/lib/pgbackrest/backup/timestack").glob("*F/bundle/*")
path = max(found, key=lambda each: each.stat().st_size)
data = bytearray(path.read_bytes())
data[len(data) // 2] ^= 1
path.write_bytes(data)
print("/".join(path.parts[-3:]))
"""
TOLD = """
select params ->> 'subject' from jobs
 where kind = 'notify.send' and params ->> 'event' = 'backup' order by created_at
"""
SWITCH = "select pg_walfile_name(pg_switch_wal()) from pg_create_restore_point('fault')"
DEADLINE = 300


def done(stack: Stack, kind: str, **params) -> dict:
    path = submit(stack, asked={"kind": kind, "params": params})
    return wait_until(lambda: finished(stack, path), f"{kind} ends", DEADLINE)


def wrong(stack: Stack) -> list[str]:
    return done(stack, "backups.watch")["result"]["wrong"]


def test_the_archive_is_away_under_writes(stack: Stack, ledger: Ledger, prove) -> None:
    if not stack.exec("timescaledb", "ls", "/run/postgresql/backups.json").stdout:
        done(stack, "backups.take", type="full")
    before = len(stack.sql(TOLD))
    with ledger.flow():
        stack.exec("timescaledb", "chmod", "000", FOLDER)
        try:
            segment = stack.sql(SWITCH)[0][0]
            ledger.submit(100)
            assert wait_until(lambda: wrong(stack), "somebody is told", DEADLINE) == [
                "Archive of WAL"
            ]
            ledger.submit(100)
        finally:
            stack.exec("timescaledb", "chmod", "750", FOLDER)
        stack.sql(SWITCH)
        archived = f"select last_archived_wal > '{segment}' from pg_stat_archiver"
        wait_until(lambda: stack.sql(archived) == [("t",)], "it catches up by itself", DEADLINE)
    wait_until(lambda: not wrong(stack), "all is well again", DEADLINE)
    assert [subject for (subject,) in stack.sql(TOLD)][before:] == [
        "backups: archive of wal",
        "backups are well again",
    ]
    prove("the archive of WAL is away under writes")


def test_a_byte_of_the_repository_is_another_one(stack: Stack, ledger: Ledger, prove) -> None:
    done(stack, "backups.take", type="full")
    with ledger.flow():
        place = stack.exec("timescaledb", "python3", "-c", FLIP).stdout.strip()
        assert place
        try:
            job = done(stack, "backups.verify")
            assert job["state"] == "failed", job
            assert place in job["errors"][0]["error"]
            assert "Verified" in wrong(stack)
        finally:
            stack.exec("timescaledb", "python3", "-c", FLIP)
        assert done(stack, "backups.verify")["state"] == "succeeded"
        assert wrong(stack) == []
    prove("a byte of the backups' repository is another one")
