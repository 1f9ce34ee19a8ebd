"""The scanner on real folders and a real database: files registered, read, queued and deleted."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.scan import __main__ as cli
from tests.integration.db.conftest import Database
from tests.stack import ROOT, wait_until
from timestack import db
from timestack.domains.files import queue
from timestack.domains.files.names import escaped
from timestack.shared.roles import SCANNER

pytestmark = pytest.mark.database

TABLES = "tracked_files, file_jobs, test_runs, test_results, test_statistics"
JUNIT = """<testsuite name="unit" timestamp="{time}">
<testcase classname="m" name="one" time="0.5"/>
<testcase classname="m" name="two" time="{seconds}">{two}</testcase>
<testcase classname="m" name="three"><skipped/></testcase>
</testsuite>"""
FAILURE = "<failure message='no'/>"


@pytest.fixture(scope="module")
def engine(provisioned: Database) -> Iterator[None]:
    """This process is a scanner."""
    opened = db.init(provisioned.settings(SCANNER.short), statement_timeout=60)
    yield
    opened.dispose()


@pytest.fixture
def database(provisioned: Database, engine: None) -> Database:
    """The database with no file in it."""
    # Faster than truncate, which begins new files.
    provisioned.sql("".join(f"delete from {table};" for table in TABLES.split(", ")))
    return provisioned


def url(database: Database, role: str = SCANNER.short) -> str:
    settings = database.settings(role)
    password = settings.database_password.get_secret_value()
    return (
        f"postgresql://{settings.database_role}:{password}@localhost:{settings.database_port}"
        f"/{settings.database_name}?sslrootcert={settings.database_ca}"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "results"
    made.mkdir()
    return made


@pytest.fixture
def scan(
    database: Database, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    """Runs the scanner over the folder in this process; gives its exit code."""
    monkeypatch.setenv("DATABASE_URL", url(database))

    def run(*options: str, more: str = "", production: bool = True) -> int:
        file = tmp_path / f"{uuid.uuid4().hex}.yaml"
        file.write_text(f"owner: qa\nsite: lab\nhost: a\nsources:\n- directory: {folder}\n{more}")
        mode = ["--production"] if production else []
        return cli.main([*mode, "--schedule-file", str(file), *options])

    return run


def write(
    folder: Path, name: str = "run-1/unit.xml", *, day: int = 1, two: str = "", seconds: str = "1"
) -> Path:
    """A file of three tests of a day in March 2026, of which `two` is the second's outcome."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(JUNIT.format(time=f"2026-03-{day:02}T12:00:00Z", two=two, seconds=seconds))
    return path


def contents(database: Database) -> str:
    """A hash of every row of every table that the scanner writes, changes in place included."""
    tables = [
        database.sql(f"select xmin, rows::text from {table} as rows order by 2")
        for table in TABLES.split(", ")
    ]
    return hashlib.sha256("\n".join(tables).encode()).hexdigest()


def states(database: Database) -> dict[str, str]:
    """State and message by name."""
    rows = database.sql(
        "select name || '=' || concat_ws(': ', state, nullif(message, '')) from tracked_files"
    )
    return dict(row.split("=", 1) for row in rows.splitlines())


def test_files_are_registered_and_their_results_are_rows(
    database: Database, folder: Path, scan
) -> None:
    write(folder, two=FAILURE)
    (folder / "run-1" / "t.tap").write_text("1..2\nok 1 - a\nnot ok 2 - b\n")
    (folder / "run-1" / "log.jsonl").write_text(
        '{"$report_type": "TestReport", "nodeid": "n", "outcome": "passed", "when": "call",'
        ' "duration": 2, "start": 1772355600}\n'
    )
    more = "  run_tag: nightly\n  user_tag: ann\n  time_to_live: 10000 days\n  priority: 7\n"
    assert scan(more=more) == 0
    assert database.sql(
        "select host, path, run_directory, name, type, size, state, owner, site, run_tag, user_tag,"
        " time_to_live from tracked_files order by path"
    ).splitlines() == [
        f"a|{folder}/run-1/{name}|{folder}/run-1|{name}|{type}"
        f"|{(folder / 'run-1' / name).stat().st_size}|parsed|qa|lab|nightly|ann|10000 days"
        for name, type in (("log.jsonl", "reportlog"), ("t.tap", "tap"), ("unit.xml", "junit"))
    ]
    assert database.sql(
        "select time, host, suite, run, run_tag, passed, failed, errors, skipped, seconds,"
        " pass_rate from test_runs where suite <> 't' order by suite"
    ).splitlines() == [
        "2026-03-01 09:00:00+00|a|log|run-1|nightly|1|0|0|0|2|100",
        "2026-03-01 12:00:00+00|a|unit|run-1|nightly|1|1|0|1|1.5|50",
    ]
    assert database.sql(
        "select number, name, outcome, seconds, message from test_results where suite = 'unit'"
        " order by number"
    ).splitlines() == ["1|m.one|passed|0.5|", "2|m.two|failed|1|no", "3|m.three|skipped||"]
    assert (
        database.sql(
            "select kind, owner, site, host, run_tag, user_tag, time_to_live, priority, state,"
            " count(*) from file_jobs group by 1, 2, 3, 4, 5, 6, 7, 8, 9"
        )
        == "statistics|qa|lab|a|nightly|ann|10000 days|7|waiting|3"
    )


def test_a_second_scan_changes_nothing_and_a_changed_file_replaces_what_it_was(
    database: Database, folder: Path, scan, capsys
) -> None:
    write(folder, two=FAILURE)
    write(folder, "run-2/unit.xml", day=2)
    assert scan() == 0
    before = contents(database)
    assert scan() == 0
    assert contents(database) == before
    assert "2 files: 2 unchanged; 0 tests read" in capsys.readouterr().out
    write(folder, day=3)
    assert scan() == 0
    assert database.sql(
        "select time, run, pass_rate from test_runs order by time"
    ).splitlines() == ["2026-03-02 12:00:00+00|run-2|100", "2026-03-03 12:00:00+00|run-1|100"]
    assert database.sql("select count(*) from test_results") == "6"
    # What follows from a file waits once.
    assert database.sql("select count(*) from file_jobs") == "2"
    before = contents(database)
    assert scan("--again") == 0
    assert "2 files: 2 changed; 6 tests read" in capsys.readouterr().out


def test_without_production_it_is_shown_and_nothing_is_written(
    database: Database, folder: Path, scan, capsys
) -> None:
    write(folder, two=FAILURE)
    (folder / "bad.xml").write_text("<testsuite>\n<oops")
    before = contents(database)
    assert scan(production=False) == 3
    assert contents(database) == before
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "dry run: nothing is written; --production does it",
        f"failed   {folder}/bad.xml: line 2: is not XML: unclosed token",
        f"new      {folder}/run-1/unit.xml: junit, 3 tests, 1 failed",
        "2 files: 2 new; 3 tests read, 1 failed; 1 not readable",
    ]


def test_a_bad_file_is_failed_with_its_line_and_the_others_go_on(
    database: Database, folder: Path, scan, capsys
) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<testsuite name="&x;"/>'
    (folder / "a.xml").write_text(f"\n{bomb}")
    (folder / "b.xml").write_bytes(os.urandom(1000))
    (folder / "c.jsonl").write_text('{"$report_type": "SessionStart"}\n{"$rep')
    (folder / "d.tap").write_text("nothing\n")
    (folder / "huge.xml").write_bytes(b" " * 2000)
    os.mkfifo(folder / "e.xml")
    (folder / "f.xml").symlink_to("/etc/passwd")
    (folder / "notes.txt").write_text("not wanted")
    write(folder)
    before = {"a.xml", "b.xml", "c.jsonl", "d.tap", "huge.xml", "unit.xml"}
    assert scan(more="  max_size: 1 kB\n") == 3
    found = states(database)
    assert set(found) == before
    assert found["a.xml"].startswith("failed: line 2: has a document type, which is refused")
    assert found["b.xml"].startswith("failed: line ")
    assert found["c.jsonl"].startswith("failed: line 2: is not JSON")
    assert found["d.tap"].startswith("failed: line 2: is not TAP")
    assert found["huge.xml"].startswith("found: it has more bytes than are read, 1,000")
    assert found["unit.xml"] == "parsed"
    assert database.sql("select count(*) from test_runs") == "1"
    # Once it is right, it is read; what it held when it was right stays when it is not.
    write(folder, "d.tap")
    (folder / "d.tap").write_text("ok 1\n")
    assert scan(more="  max_size: 1 kB\n") == 3
    assert states(database)["d.tap"] == "parsed"
    (folder / "d.tap").write_text("nothing at all\n")
    assert scan(more="  max_size: 1 kB\n") == 3
    assert states(database)["d.tap"].startswith("failed: ")
    assert database.sql("select count(*) from test_runs where suite = 'd'") == "1"


def test_a_file_that_grows_while_it_is_read_is_left_for_the_next_scan(
    database: Database, folder: Path, scan, capsys
) -> None:
    path = write(folder)
    calm = path.read_bytes()
    ended = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            while not ended.is_set():
                file.write(b" " * 100)
                if file.tell() > 2_000_000:
                    file.truncate(len(calm))

    with ThreadPoolExecutor() as pool:
        growing = pool.submit(grow)
        # Whether it is caught in the act is chance, each time.
        wait_until(
            lambda: scan() == 3 and states(database)["unit.xml"].startswith("found: it changed"),
            "a scan meets the file while it is written",
        )
        assert "it changed while it was read: the next scan reads it" in capsys.readouterr().out
        ended.set()
        growing.result()
    path.write_bytes(calm)
    assert scan() == 0
    assert states(database)["unit.xml"] == "parsed"
    assert database.sql("select count(*) from test_results") == "3"


def test_names_of_any_bytes_are_kept_and_come_back(database: Database, folder: Path, scan) -> None:
    names = [
        b"a\nb.xml",
        b"\xff\xfe.xml",
        "Prüfung ✓.xml".encode(),
        b"back\\slash.xml",
        b"'; --.xml",
    ]
    for name in names:
        path = os.path.join(os.fsencode(folder), b"run\n\xff", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(JUNIT.format(time="2026-03-01T12:00:00Z", two="", seconds=1).encode())
    assert scan() == 0
    assert states(database) == {escaped(name): "parsed" for name in names}
    assert database.sql("select distinct run from test_runs") == r"run\n\xff"
    before = contents(database)
    assert scan() == 0
    assert contents(database) == before
    os.remove(os.path.join(os.fsencode(folder), b"run\n\xff", names[1]))
    assert scan() == 0
    assert states(database)[escaped(names[1])] == "gone"
    assert list(states(database).values()).count("parsed") == 4


def test_a_folder_that_is_away_loses_no_file_and_is_named(
    database: Database, folder: Path, scan, capsys
) -> None:
    write(folder)
    assert scan() == 0
    folder.rename(folder.with_name("elsewhere"))
    assert scan() == 3
    assert f"skipped  {folder}: No such file or directory" in capsys.readouterr().out
    assert states(database) == {"unit.xml": "parsed"}


def test_two_scans_at_once_come_to_the_same_as_one(database: Database, folder: Path, scan) -> None:
    for run in range(20):
        write(folder, f"run-{run}/unit.xml", day=run + 1)
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(lambda _: scan(), range(2))) == [0, 0]
    assert database.sql("select count(*), count(distinct file_id) from test_runs") == "20|20"
    assert database.sql("select count(*) from test_results") == "60"
    assert database.sql("select count(*) from file_jobs") == "20"


def test_what_is_past_its_time_to_live_is_not_taken_in_and_is_forgotten(
    database: Database, folder: Path, scan, capsys
) -> None:
    old = write(folder, "run-1/old.xml")
    write(folder, "run-2/young.xml", day=2)
    os.utime(old, (1_600_000_000, 1_600_000_000))
    assert scan() == 0
    assert scan(more="  time_to_live: 1 day\n") == 0
    assert "2 files: 1 changed, 1 expired" in capsys.readouterr().out
    database.sql(
        "update tracked_files set time_to_live = '1 day';"
        "update file_jobs set time_to_live = '1 hour', queued_at = now() - interval '2 hours'"
        " where file_id = (select id from tracked_files where name = 'old.xml')"
    )
    assert queue.drain() == {"done": 1, "failed": 0, "expired": 1, "forgotten": 1}
    assert states(database) == {"young.xml": "parsed"}
    assert database.sql("select distinct suite, run from test_runs") == "unit|run-2"
    assert database.sql("select count(*) from test_results") == "3"
    assert database.sql("select distinct runs from test_statistics") == "1"


# The queue


def test_the_queue_is_drained_in_order_of_priority_each_row_once(
    database: Database, folder: Path, scan
) -> None:
    for run, two in enumerate(["", FAILURE, FAILURE, "", FAILURE, ""], 1):
        write(folder, f"run-{run}/unit.xml", day=run, two=two, seconds=str(run))
    assert scan() == 0
    database.sql("update file_jobs set priority = id % 3")
    seen: list[tuple[float, str]] = []
    assert queue.drain(lambda *each: seen.append(each)) == {
        "done": 6,
        "failed": 0,
        "expired": 0,
        "forgotten": 0,
    }
    assert seen[-1] == (1.0, "6 of 6 done")
    order = database.sql("select priority, id from file_jobs order by finished_at").splitlines()
    assert order == sorted(order, key=lambda row: (-int(row[0]), int(row.split("|")[1])))
    assert database.sql(
        "select name, runs, failures, flips, seconds_mean, seconds_max, outcome, last_at"
        " from test_statistics order by name"
    ).splitlines() == [
        "m.one|6|0|0|0.5|0.5|passed|2026-03-06 12:00:00+00",
        "m.two|6|3|4|3.5|6|passed|2026-03-06 12:00:00+00",
    ]
    before = contents(database)
    assert queue.drain()["done"] == 0
    assert contents(database) == before


def test_two_that_drain_at_once_share_the_rows(database: Database, folder: Path, scan) -> None:
    for run in range(12):
        write(folder, f"run-{run}/unit.xml", day=run + 1)
    assert scan() == 0
    with ThreadPoolExecutor() as pool:
        counts = list(pool.map(lambda _: queue.drain(), range(2)))
    assert sum(each["done"] for each in counts) == 12
    assert sum(each["failed"] for each in counts) == 0
    assert database.sql("select distinct runs from test_statistics") == "12"


def test_a_row_that_cannot_be_done_is_failed_and_says_why(database: Database) -> None:
    database.sql(
        "insert into file_jobs (kind, owner, site, host) values ('dance', 'a', 'b', 'c');"
        "insert into file_jobs (kind, owner, site, host, state, finished_at) values"
        " ('statistics', 'a', 'b', 'c', 'done', now() - interval '31 days')"
    )
    assert queue.drain() == {"done": 0, "failed": 1, "expired": 0, "forgotten": 0}
    assert database.sql("select state, message from file_jobs") == (
        "failed|there is no kind 'dance' of work on a file: use statistics"
    )


# From the shell


def test_files_and_jobs_are_listed_and_deleted_by_a_filter(
    database: Database, folder: Path, scan, capsys
) -> None:
    write(folder)
    write(folder, "run-2/unit.xml", day=2, two=FAILURE)
    assert scan() == 0
    assert queue.drain()["done"] == 2
    capsys.readouterr()
    assert cli.main(["list", "files", "--run-tag", "run-2"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 2
    assert shown[1].endswith(f"{folder}/run-2/unit.xml")
    assert cli.main(["list", "jobs", "--state", "done", "--json", "--limit", "1"]) == 0
    captured = capsys.readouterr()
    assert '"kind": "statistics"' in captured.out
    assert captured.err == "1 of 2\n"
    assert cli.main(["delete", "files", "--run-tag", "run-2"]) == 0
    assert capsys.readouterr().out.startswith("dry run: 1 files would be deleted")
    assert cli.main(["delete", "files", "--run-tag", "run-2", "--production"]) == 0
    assert database.sql("select run from test_runs") == "run-1"
    assert database.sql("select sum(failures) from test_statistics") == "0"
    assert database.sql("select count(*) from file_jobs") == "1"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["delete", "files", "--production"], "nothing says which rows to delete"),
        (["delete", "jobs", "--type", "tap"], "--type: not a filter of jobs"),
        (["list", "files", "--state", "done"], "--state: Input should be 'found', 'parsed'"),
        (["list", "files", "--owner", "\udcff"], "--owner: Input should be a valid string"),
        (["list", "files", "--owner", ""], "--owner: String should have at least 1 character"),
        (["list", "files", "--limit", "0"], "--limit must be 1 or more"),
        ([], "--schedule-file is missing"),
        (["--schedule-file", "/nowhere"], "/nowhere: No such file or directory"),
        (["list", "files", "--database-url", "postgresql://a:secret@b/c"], "holds a password"),
        (["list", "files", "--database-url", "postgresql://a@b/c"], "no password"),
        (["list", "files", "--database-url", "postgres:secret"], "is not a URL"),
    ],
)
def test_a_bad_command_is_refused_with_what_to_do_and_shows_no_password(
    database: Database, scan, capsys, command: list[str], message: str
) -> None:
    assert cli.main(command) == 2
    seen = capsys.readouterr().err
    assert message in seen
    assert "secret" not in seen


def test_a_database_that_does_not_answer_is_named_without_its_password(
    database: Database, scan, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    right = url(database)
    password = right.split(":")[2].split("@")[0]
    for address, code, message in (
        (right.replace(password, "wrong-password"), 1, "password authentication failed"),
        (right.replace(f":{database.server.port}/", ":1/"), 1, "Connection refused"),
        ("nonsense:wrong-password", 2, "DATABASE_URL is not a URL"),
        (f"{right}&connect_timeout=1", 2, "DATABASE_URL has an unknown option connect_timeout"),
        ("", 2, "no database: set DATABASE_URL, such as"),
    ):
        monkeypatch.setenv("DATABASE_URL", address)
        try:
            assert scan() == code
        finally:
            db.init(database.settings(SCANNER.short), statement_timeout=60)
        seen = capsys.readouterr().err
        assert message in seen
        assert "wrong-password" not in seen
        assert password not in seen


def test_on_a_host_that_has_a_database_url_and_nothing_else(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    write(folder, "run-1/Prüfung ✓.xml", two=FAILURE)
    schedule = tmp_path / "schedule.yaml"
    schedule.write_text(f"owner: qa\nsite: lab\nsources: [{{directory: {folder}}}]\n")
    done = subprocess.run(
        [sys.executable, "-m", "scripts.scan", "--production", "--schedule-file", schedule.name],
        env={
            "DATABASE_URL": url(database),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'services' / 'web'}",
            # Of a terminal that knows neither an umlaut nor a tick.
            "PYTHONIOENCODING": "ascii",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        rf"new      {folder}/run-1/Pr\xfcfung \u2713.xml: junit, 3 tests, 1 failed",
        "1 file: 1 new; 3 tests read, 1 failed",
    ]
    assert states(database) == {"Prüfung ✓.xml": "parsed"}
    assert database.sql("select count(*) from test_results") == "3"
