"""Backups by the database's own image: taken, listed, encrypted, kept, verified; WAL archived."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.host import environment, repository
from scripts.host.compose import Compose, image
from tests.integration.db.conftest import Server
from tests.stack import ROOT, VOLATILE, docker, wait_until

pytestmark = [pytest.mark.database]

FOLDER = "/usr/local/lib/timestack"
PROGRAM = f"{FOLDER}/backups.py"
REPOSITORY = "/var/lib/pgbackrest"
# Flips one bit in the middle of the file that matches, and prints which one it is.
FLIP = """
import pathlib, sys
path = max(pathlib.Path("/var/lib/pgbackrest").glob(sys.argv[1]), key=lambda p: p.stat().st_size)
data = bytearray(path.read_bytes())
data[len(data) // 2] ^= 1
path.write_bytes(data)
print(path)
"""


MARK = "plain text of a row, and nothing else"
# Prints the files below a folder that hold a text.
FIND = """
import pathlib, sys
for path in pathlib.Path(sys.argv[1]).rglob("*"):
    if path.is_file() and sys.argv[2].encode() in path.read_bytes():
        print(path)
"""
# Kills the first process that copies the database's files.
KILL = """
import os, pathlib, signal
while True:
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(bytes(1))
        except OSError:
            continue
        if words[0] == b"pgbackrest" and b"backup" in words[:2]:
            os.kill(int(path.parent.name), signal.SIGKILL)
            raise SystemExit
"""


@pytest.fixture(scope="module")
def volume() -> Iterator[str]:
    """A volume for a repository."""
    name = f"timestack-test-{uuid.uuid4().hex[:8]}_backups"
    docker("volume", "create", name)
    yield name
    docker("volume", "rm", "--force", name)


@pytest.fixture(scope="module")
def archiving(secrets: Path, volume: str) -> Iterator[Server]:
    """A server that archives, with a full backup of it."""
    with Server(secrets, options=VOLATILE, repository=volume) as running:
        assert taken(running, "full")["type"] == "full"
        yield running


def run(server: Server, *words: str, **variables: str) -> str:
    done = server.run("python3", PROGRAM, *words, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def taken(server: Server, kind: str, **variables: str) -> dict:
    run(server, "take", kind, **variables)
    return json.loads(server.run("cat", "/run/postgresql/backup-run.json").stdout)["result"]


def listed(server: Server, **variables: str) -> dict:
    return json.loads(run(server, "list", **variables))


def switched(server: Server) -> str:
    """A segment that is full now; an empty one would stay the current one."""
    server.sql("select pg_create_restore_point('test')")
    return server.sql("select pg_walfile_name(pg_switch_wal())")


def archived(server: Server) -> str:
    """The newest segment, once it is in the archive."""
    segment = switched(server)
    wait_until(lambda: listed(server)["archive"]["newest"] >= segment, f"{segment} is archived")
    return segment


def test_a_backup_is_listed_with_what_can_be_restored(archiving: Server) -> None:
    before = listed(archiving)["backups"]
    diff = taken(archiving, "diff")
    found = listed(archiving)
    assert [each["label"] for each in found["backups"]] == [before[0]["label"], diff["label"]]
    assert diff["type"] == "diff"
    assert diff["repository_bytes"] < before[0]["repository_bytes"] / 2 < diff["bytes"]
    archived(archiving)
    found = listed(archiving)
    assert len(found["ranges"]) == 1
    begin, end = found["ranges"][0]
    assert begin == before[0]["ended"]
    assert end >= diff["ended"]
    assert found["bytes"] > before[0]["repository_bytes"]
    assert found["is_unbroken"]


def test_bare_pgbackrest_knows_its_configuration(archiving: Server) -> None:
    found = json.loads(archiving.run("pgbackrest", "info", "--output=json").stdout)[0]
    assert (found["name"], found["cipher"]) == ("timestack", "aes-256-cbc")


def test_after_a_restart_what_is_there_is_known_at_once(archiving: Server) -> None:
    archiving.container.get_wrapped_container().restart()
    wait_until(archiving.healthy, "the server is back")
    known = "select json_array_length(found -> 'backups') > 0 from timestack_server.backups()"
    wait_until(lambda: archiving.sql(known, "timestack") == "t", "its backups are known")


def test_nobody_else_reads_the_key(archiving: Server) -> None:
    assert archiving.run("stat", "-c", "%a", "/run/postgresql/pgbackrest.conf").stdout == "600\n"


def test_what_the_database_holds_is_nowhere_in_the_repository(archiving: Server) -> None:
    archiving.sql(f"create table secret as select '{MARK}' as text; checkpoint")
    archived(archiving)
    # Where compression would hide it as well.
    taken(archiving, "incr", PGBACKREST_COMPRESS_TYPE="none")
    assert archiving.run("python3", "-c", FIND, "/var/lib/postgresql/data", MARK).stdout != ""
    assert archiving.run("python3", "-c", FIND, REPOSITORY, MARK).stdout == ""


def test_another_key_is_refused_with_a_sentence(archiving: Server) -> None:
    other = {"PGBACKREST_REPO1_CIPHER_PASS": "another"}
    found = listed(archiving, **other)
    assert found["error"].startswith("the secret backup_key is not the key that the repository")
    done = archiving.run("python3", PROGRAM, "take", "full", **other)
    assert done.returncode == 1
    assert "backup_key is not the key" in done.stderr
    assert "�" not in done.stderr
    assert listed(archiving)["error"] == ""


def test_the_oldest_full_backup_goes_with_what_needs_it(archiving: Server) -> None:
    kept = taken(archiving, "full", PGBACKREST_REPO1_RETENTION_FULL="1")
    found = listed(archiving)
    assert [each["label"] for each in found["backups"]] == [kept["label"]]
    assert found["ranges"][0][0] == kept["ended"]


def test_a_flipped_bit_is_found_and_its_place_named(archiving: Server) -> None:
    assert "done" in run(archiving, "verify")
    state = json.loads(archiving.run("cat", "/run/postgresql/backup-run.json").stdout)
    assert state["result"]["files"] > 1000
    assert state["result"]["segments"] > 0
    flip = ("python3", "-c", FLIP, "backup/timestack/*F/bundle/*")
    path = archiving.run(*flip).stdout.strip().removeprefix(f"{REPOSITORY}/backup/timestack/")
    done = archiving.run("python3", PROGRAM, "verify")
    archiving.run(*flip)
    assert done.returncode == 1
    assert "damaged in the repository" in done.stderr
    assert path in done.stderr
    assert "done" in run(archiving, "verify")


def test_a_second_one_at_once_is_refused(archiving: Server) -> None:
    lock = "/run/postgresql/backup-run.lock"
    done = archiving.run("flock", lock, "python3", PROGRAM, "take", "incr")
    assert done.returncode == 2
    assert "another backup or check" in done.stderr


def test_one_that_was_killed_says_so(archiving: Server) -> None:
    with ThreadPoolExecutor() as beside:
        killer = beside.submit(archiving.run, "timeout", "60", "python3", "-c", KILL)
        done = archiving.run("python3", PROGRAM, "take", "full")
        assert killer.result().returncode == 0
    assert done.returncode == 1
    assert "pgbackrest backup was ended by signal 9" in done.stderr


def test_an_archive_that_is_away_stops_nothing_and_catches_up(archiving: Server) -> None:
    archiving.sql("create table ledger (n int)")
    folder = f"{REPOSITORY}/archive"
    archiving.run("chmod", "000", folder)
    archiving.sql("insert into ledger select generate_series(1, 1000)")
    segment = switched(archiving)
    failed = "select last_failed_wal from pg_stat_archiver"
    wait_until(lambda: archiving.sql(failed), "the archiver fails")
    assert listed(archiving)["error"]
    archiving.sql("insert into ledger select generate_series(1001, 2000)")
    assert archiving.sql("select count(*) from ledger") == "2000"
    archiving.run("chmod", "750", folder)
    assert archived(archiving) > segment
    assert listed(archiving)["is_unbroken"]


def test_too_much_that_waits_is_dropped_and_the_next_backup_begins_again(
    archiving: Server,
) -> None:
    folder, config = f"{REPOSITORY}/archive", "/run/postgresql/pgbackrest.conf"
    before = archiving.run("cat", config).stdout
    small = "\n".join(
        "archive-push-queue-max=20MB" if line.startswith("archive-push-queue-max") else line
        for line in before.splitlines()
    )
    archiving.run("tee", config, stdin=small)
    archiving.run("chmod", "000", folder)
    segment = [switched(archiving) for _ in range(4)][-1]
    dropped = f"select last_archived_wal >= '{segment}' from pg_stat_archiver"
    # Another segment wakes the archiver, which rests for a minute after it failed.
    wait_until(lambda: switched(archiving) and archiving.sql(dropped) == "t", "it is dropped")
    archiving.run("chmod", "750", folder)
    archiving.run("tee", config, stdin=before)
    archived(archiving)
    assert not listed(archiving)["is_unbroken"]
    taken(archiving, "diff")
    found = listed(archiving)
    assert found["is_unbroken"]
    assert len(found["ranges"]) == 2


def test_a_record_that_was_broken_off_while_it_was_made_is_made_again(archiving: Server) -> None:
    elsewhere = {"PGBACKREST_REPO1_PATH": f"{REPOSITORY}/other"}
    made = archiving.run("pgbackrest", "stanza-create", "--no-online", **elsewhere)
    assert made.returncode == 0, made.stderr
    archiving.run("rm", "-r", f"{REPOSITORY}/other/backup")
    settle = f"import sys; sys.path.insert(0, '{FOLDER}'); import repository; repository.settle()"
    done = archiving.run("python3", "-c", settle, **elsewhere)
    assert done.returncode == 0, done.stderr
    assert archiving.run("pgbackrest", "info", **elsewhere).stdout.count("no valid backups") == 1
    archiving.run("rm", "-r", f"{REPOSITORY}/other")


def test_a_folder_of_the_host_is_given_to_the_database_s_user(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    compose = Compose(ROOT, {**environment.defaults(), "BACKUP_PATH": str(folder)})
    for _ in range(2):
        repository.own(compose)
        assert folder.stat().st_mode & 0o777 == 0o700
    user = docker("run", "--rm", "--entrypoint", "id", image("timescaledb"), "-u", "postgres")
    assert folder.stat().st_uid == int(user)


def test_a_new_cluster_goes_on_in_the_same_repository(
    archiving: Server, secrets: Path, volume: str
) -> None:
    before = listed(archiving)["backups"]
    with Server(secrets, options=VOLATILE, repository=volume) as other:
        assert "goes on with this cluster" in docker("logs", other.id)
        # Nothing of this one is there yet, and the other one's is still there.
        assert [each["label"] for each in listed(other)["backups"]] == [
            each["label"] for each in before
        ]
        assert taken(other, "incr")["type"] == "full"
        found = listed(other)
    assert [each["cluster"] for each in found["backups"]][-2:] == [1, 2]
    assert found["is_unbroken"]
