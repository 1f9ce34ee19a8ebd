"""`make up` and its neighbours, run as a reader runs them, in a checkout of their own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.checkout import Checkout
from tests.stack import (
    PASSWORD,
    TOKEN_FIELD,
    docker,
    wait_until,
)
from timestack.shared.roles import BY_SECRET

pytestmark = pytest.mark.stack

PROJECT = f"timestack-up-{os.getpid()}"


@pytest.fixture(scope="module")
def checkout() -> Iterator[Checkout]:
    # Not among pytest's folders: whenever this user starts pytest, it closes those to all others.
    with tempfile.TemporaryDirectory(prefix="timestack-up-", ignore_cleanup_errors=True) as folder:
        made = Checkout(Path(folder), PROJECT)
        yield made
        made.write_settings()
        made.make("clean", FORCE="yes", BACKUPS="delete")


def test_every_fault_is_named_at_once_and_nothing_is_started(checkout: Checkout) -> None:
    checkout.write_settings("NO_SUCH_KEY=1", "WEB_THREADS=many")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", checkout.https_port))
        taken.listen()
        done = checkout.make("up")
    checkout.write_settings()
    assert done.returncode != 0
    assert "NO_SUCH_KEY" in done.stderr
    assert "WEB_THREADS" in done.stderr
    assert re.search(r"\.env:\d+", done.stderr)
    assert "nothing was changed" in done.stderr
    assert checkout.containers == []
    assert not (checkout.folder / ".secrets").exists()


def test_a_port_in_use_is_named_with_who_holds_it(checkout: Checkout) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", checkout.https_port))
        taken.listen()
        done = checkout.make("up")
    assert done.returncode != 0
    assert str(checkout.https_port) in done.stderr
    assert str(os.getpid()) in done.stderr
    assert checkout.containers == []


def test_a_broken_schema_file_is_refused_before_anything_starts(checkout: Checkout) -> None:
    file = checkout.folder / "services/timescaledb/schema/hypertables.yaml"
    whole = file.read_text()
    file.write_text(whole.replace("chunk_interval:", "chunk_intervall:", 1))
    done = checkout.make("up")
    file.write_text(whole)
    assert done.returncode != 0
    assert re.search(r"hypertables\.yaml:\d+", done.stderr)
    assert "chunk_intervall" in done.stderr
    assert checkout.containers == []


def test_up_killed_in_any_phase_converges_when_run_again(checkout: Checkout) -> None:
    for phase in ("settings", "images", "start"):
        assert f"{phase} …" in checkout.killed_at(phase)
    done = checkout.make("up")
    assert done.returncode == 0, done.stdout + done.stderr
    secrets = checkout.folder / ".secrets"
    assert checkout.get("/").status_code == 200
    assert f"https://localhost:{checkout.https_port}/" in done.stdout
    assert "admin@example.org" in done.stdout
    assert (secrets / "admin_password").read_text().strip() not in done.stdout


def test_the_second_run_rebuilds_regenerates_and_reseeds_nothing(checkout: Checkout) -> None:
    before = {file.name: file.read_text() for file in (checkout.folder / ".secrets").iterdir()}
    started = running(checkout)
    done = checkout.make("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"images .* 0 built", done.stdout)
    assert before == {f.name: f.read_text() for f in (checkout.folder / ".secrets").iterdir()}
    assert running(checkout) == started
    logs = checkout.make("psql", stdin="select count(*) from imports where table_name = 'readings'")
    assert "1" in logs.stdout.split()


def running(checkout: Checkout) -> set[str]:
    """Id and start time of every container that goes on running."""
    form = "{{.Id}} {{.State.StartedAt}} {{.State.Running}}"
    lines = docker("inspect", "--format", form, *checkout.containers).splitlines()
    return {line for line in lines if line.endswith("true")}


def served(checkout: Checkout) -> bool:
    """Whether the web answers at this moment, to somebody who asks once."""
    return checkout.get("/health/ready").status_code == 200


def test_a_provisioning_that_fails_leaves_what_runs_alone(checkout: Checkout) -> None:
    before = running(checkout)
    checkout.make("psql", stdin="alter table imports rename to imports_away")
    # Another number of threads: every container of the web is to be replaced.
    done = checkout.make("up", WEB_THREADS="4")
    checkout.make("psql", stdin="alter table imports_away rename to imports")
    assert done.returncode != 0
    assert "x service provision: exited with " in done.stderr
    assert "imports" in done.stderr
    assert "what ran before still runs" in done.stderr
    assert running(checkout) == before
    assert served(checkout)


def test_older_code_is_refused_and_leaves_what_runs_alone(checkout: Checkout) -> None:
    before = running(checkout)
    known = checkout.make("psql", "ARGS=-At", stdin="select version_num from alembic_version")
    newer = "update alembic_version set version_num = '9999'"
    assert checkout.make("psql", stdin=newer).returncode == 0
    done = checkout.make("up", WEB_THREADS="4", DB_MEMORY="600m")
    older = f"update alembic_version set version_num = '{known.stdout.strip()}'"
    assert checkout.make("psql", stdin=older).returncode == 0
    assert done.returncode != 0
    assert "x database: is at migration 9999" in done.stderr
    assert "nothing was changed and nothing was started" in done.stderr
    assert running(checkout) == before
    assert served(checkout)


def test_a_database_that_is_replaced_has_its_clients_back(checkout: Checkout) -> None:
    before = running(checkout)
    done = checkout.make("up", DB_MEMORY="600m")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"win over \.env: .*DB_MEMORY=600m", done.stdout)
    assert len(before - running(checkout)) == 1, "the database and nothing else"
    assert served(checkout)


def test_a_variable_of_the_shell_stops_only_who_would_use_it(checkout: Checkout) -> None:
    shell = {"SEED": "42", "LOG_LEVEL": "INFO"}
    refused = checkout.make("up", **shell)
    assert refused.returncode != 0
    assert "x variable SEED of your shell: 42" in refused.stderr
    assert "`unset LOG_LEVEL`" in refused.stderr
    listed = checkout.make("ps", **shell)
    assert listed.returncode == 0, listed.stderr
    assert f"{PROJECT}-web-1" in listed.stdout
    asked = checkout.make("psql", "ARGS=-At", stdin="select 6 * 7", **shell)
    assert asked.stdout.split() == ["42"], asked.stderr


def test_another_user_of_the_engine_needs_no_secret_to_look_around(checkout: Checkout) -> None:
    socket_file = Path("/var/run/docker.sock")
    if os.geteuid() != 0 or not socket_file.is_socket():
        pytest.skip("becomes another user, which only root can")
    nobody = {"user": 65534, "group": 65534, "extra_groups": [socket_file.stat().st_gid]}
    # Their own clone of it all, but for what is the first user's alone.
    for folder in [checkout.folder, *checkout.folder.parents]:
        if folder.stat().st_mode & 0o055 != 0o055:
            folder.chmod(folder.stat().st_mode | 0o055)

    def make(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command, env = (
            ["make", "--silent", *words],
            {**checkout.environment, "HOME": "/nonexistent"},
        )
        return subprocess.run(
            command, cwd=checkout.folder, input=stdin, env=env, capture_output=True, text=True,
            check=False, **nobody,
        )  # fmt: skip

    listed = make("ps")
    assert f"{PROJECT}-web-1" in listed.stdout, listed.stderr
    asked = make("psql", "ARGS=-At", stdin="select 6 * 7")
    assert asked.stdout.split() == ["42"], asked.stderr
    assert make("drift").returncode == 0
    for words in (("up",), ("doctor",), ("secrets",), ("rotate", "SECRET=db_app_password")):
        done = make(*words)
        output = done.stdout + done.stderr
        assert done.returncode != 0, output
        assert "Traceback" not in output
        assert output.count(" -> ") == 1, output


def test_psql_reads_sql_from_standard_input_and_fails_with_it(checkout: Checkout) -> None:
    good = checkout.make("psql", stdin="select count(*) from sensors;")
    assert good.returncode == 0
    assert "27" in good.stdout
    assert checkout.make("psql", stdin="select no_such_column;").returncode != 0


def test_doctor_finds_nothing_to_repair_and_prints_the_sizes(checkout: Checkout) -> None:
    done = checkout.make("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Apache-2 edition" in done.stdout
    images = re.search(r"images\s+([\d,]+) MB together", done.stdout)
    memory = re.search(r"memory\s+([\d,]+) MB resident", done.stdout)
    assert images
    assert memory
    assert int(images.group(1).replace(",", "")) < 2500
    # At rest it is some 1,100; the seed's pages and the workers' first jobs add up to 300.
    assert int(memory.group(1).replace(",", "")) < 1600
    logs = re.search(r"logs\s+.*, ([\d,]+) MB at most, rotated by the engine", done.stdout)
    assert logs
    assert int(logs.group(1).replace(",", "")) < 1000


def test_doctor_rolls_back_what_a_killed_load_left_prepared(checkout: Checkout) -> None:
    checkout.make(
        "psql",
        stdin="set role timestack_owner; begin;"
        " insert into readings (time, sensor_id, value) values ('2014-06-01Z', 1, 5);"
        f" prepare transaction 'timestack-load:{'0' * 32}:1'",
    )
    left = "select count(*) as left_prepared from pg_prepared_xacts"
    assert "1" in checkout.make("psql", "ARGS=-At", stdin=left).stdout.split()
    done = checkout.make("doctor")
    assert done.returncode == 0, done.stdout
    assert f"timestack-load:{'0' * 32}:1: rollback: done" in done.stdout
    assert "0" in checkout.make("psql", "ARGS=-At", stdin=left).stdout.split()


def test_rows_that_are_out_of_bounds_hurt_no_page_and_doctor_says_what_removes_them(
    checkout: Checkout,
) -> None:
    checkout.make(
        "psql",
        stdin="alter table readings drop constraint readings_time_bounds;"
        " insert into readings values ('infinity', 1, 1), ('12000-01-01', 1, 1);"
        " insert into readings values ('0044-03-15 BC', 1, 1)",
    )
    assert checkout.get("/").status_code == 200
    applied = checkout.make("apply")
    assert applied.returncode == 0, applied.stderr
    assert "readings.time: from 1900-01-01 to before 2200-01-01, for new rows" in applied.stdout
    done = checkout.make("doctor")
    assert done.returncode != 0
    assert "readings.time: 3 rows are outside" in done.stdout
    assert '"time":"infinity"' in done.stdout
    delete = re.search(r"delete from .*;", done.stdout)[0]
    assert checkout.make("psql", stdin=delete).returncode == 0
    assert checkout.make("apply").returncode == 0
    drift = checkout.make("drift")
    assert drift.returncode == 0, drift.stdout
    assert checkout.get("/").status_code == 200


def test_doctor_names_a_service_that_is_away(checkout: Checkout) -> None:
    docker("stop", f"{PROJECT}-beat-1")
    done = checkout.make("doctor")
    assert done.returncode != 0
    assert re.search(r"x beat\s+exited", done.stdout)
    assert checkout.make("up").returncode == 0


def test_a_lost_secret_is_named_while_data_exist_and_made_again_when_asked(
    checkout: Checkout,
) -> None:
    secret = checkout.folder / ".secrets" / "db_app_password"
    secret.unlink()
    done = checkout.make("up")
    assert done.returncode != 0
    assert "db_app_password" in done.stderr
    assert "make secrets" in done.stderr
    assert checkout.make("secrets").returncode == 0
    assert secret.read_text().strip()
    again = checkout.make("up")
    assert again.returncode == 0, again.stdout + again.stderr
    ready = wait_until(lambda: checkout.get("/health/ready"), "the web answers")
    assert ready.status_code == 200, "the new password is in use"


def test_load_takes_a_file_whole_and_sets_bad_rows_aside(checkout: Checkout) -> None:
    good = [f"2015-01-01T{hour:02}:00:00Z,1,{hour}.5" for hour in range(24)]
    file = checkout.folder / "new.csv"
    file.write_text("\n".join(["time,sensor_id,value", *good, "yesterday,1,3", ""]))
    count = "select count(*) from readings where time between '2015-01-01' and '2015-01-02'"

    refused = checkout.make("load", "FILE=new.csv", "TABLE=readings")
    assert refused.returncode != 0
    assert "26" in refused.stderr, "the line of the bad row"
    assert "time" in refused.stderr
    assert "0" in checkout.make("psql", "ARGS=-At", stdin=count).stdout.split()

    aside = checkout.make("load", "FILE=new.csv", "TABLE=readings", "ARGS=--quarantine bad.csv")
    assert aside.returncode == 0, aside.stderr
    assert "accepted 24 + rejected 1 = read 25" in aside.stderr
    assert "yesterday" in (checkout.folder / "bad.csv").read_text()
    assert "24" in checkout.make("psql", "ARGS=-At", stdin=count).stdout.split()

    piped = "time,sensor_id,value\n2015-01-01T12:30:00Z,1,7\n"
    assert checkout.make("load", "FILE=-", "TABLE=readings", stdin=piped).returncode == 0
    assert "25" in checkout.make("psql", "ARGS=-At", stdin=count).stdout.split()


# What a shell, make, Compose or `-v` would each read in its own way.
ANY_NAME = 'it\'s "r_2026-01-31T12:00:00", $(touch pwned) $(shell touch pwned) `x` ${y}; #.csv'


def readings(checkout: Checkout, day: str) -> str:
    """How many readings there are of one day."""
    count = f"select count(*) from readings where time::date = '{day}'"
    return checkout.make("psql", "ARGS=-At", stdin=count).stdout.strip().splitlines()[-1]


def test_load_takes_a_file_of_any_name_mode_and_kind(checkout: Checkout) -> None:
    rows = "time,sensor_id,value\n2016-01-0{}T00:00:00Z,1,7\n"
    file = checkout.folder / ANY_NAME
    for day, mode in ((1, 0o644), (4, 0o600)):
        file.write_text(rows.format(day))
        file.chmod(mode)
        done = checkout.make("load", f"FILE={ANY_NAME}", "TABLE=readings")
        assert done.returncode == 0, done.stderr
        assert f"from {ANY_NAME}" in done.stderr
        assert not (checkout.folder / "pwned").exists()
        assert readings(checkout, f"2016-01-0{day}") == "1"

    times = pa.array([datetime(2016, 1, 2, tzinfo=UTC)])
    pq.write_table(pa.table({"time": times, "sensor_id": [1], "value": [7.0]}), file)
    done = checkout.make("load", f"FILE={ANY_NAME}", "TABLE=readings")
    assert done.returncode == 0, done.stderr
    assert readings(checkout, "2016-01-02") == "1"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list((checkout.folder / "build").glob("mounts-*")) == []

    printed = rows.format(3).replace("\n", "\\n")
    piped = subprocess.run(
        ["bash", "-c", f"make --silent load FILE=<(printf '{printed}') TABLE=readings"],
        cwd=checkout.folder,
        env=checkout.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert piped.returncode == 0, piped.stderr
    assert readings(checkout, "2016-01-03") == "1"


def test_load_refuses_what_is_not_offered_and_prints_its_options(checkout: Checkout) -> None:
    (checkout.folder / "row.csv").write_text("email\nx@example.org\n")
    for table in ("users", "alembic_version", "x'; touch pwned; '"):
        done = checkout.make("load", "FILE=row.csv", f"TABLE={table}")
        assert done.returncode != 0
        assert "is not offered for loading" in done.stderr
        assert "Traceback" not in done.stderr
    assert not (checkout.folder / "pwned").exists()
    aside = checkout.make(
        "load", "FILE=row.csv", "TABLE=readings", "ARGS=--quarantine nowhere/bad.csv"
    )
    assert "--quarantine nowhere/bad.csv: No such file" in aside.stderr
    options = checkout.make("load", "ARGS=--help")
    assert options.returncode == 0, options.stderr
    assert "--on-conflict" in options.stdout


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_load_ends_with_make_and_commits_nothing(checkout: Checkout, end: int) -> None:
    pipe = checkout.folder / f"pipe{end}"
    os.mkfifo(pipe)
    load = subprocess.Popen(
        ["make", "--silent", "load", f"FILE={pipe.name}", "TABLE=readings"],
        cwd=checkout.folder,
        env=checkout.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Who starts the tests in the background has them ignore Ctrl-C, which what they start
        # would inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    running = ("ps", "-q", "--filter", f"name={PROJECT}-provision-run")
    with pipe.open("w") as writer:
        writer.write("time,sensor_id,value\n2016-02-01T00:00:00Z,1,7\n")
        writer.flush()
        wait_until(lambda: docker(*running), "the load runs")
        if end == signal.SIGKILL:
            load.kill()
        else:
            os.killpg(load.pid, end)
        wait_until(lambda: not docker(*running), "its container is gone")
    output = load.communicate(timeout=300)[1]
    assert load.returncode != 0
    assert "nothing was loaded" in output
    assert "goes on where" not in output
    assert readings(checkout, "2016-02-01") == "0"


def test_up_does_not_take_a_load_that_runs_for_a_service(checkout: Checkout) -> None:
    load = subprocess.Popen(
        ["make", "--silent", "load", "FILE=-", "TABLE=readings"],
        cwd=checkout.folder,
        env=checkout.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with load:
        # The container of the load waits for rows.
        running = ("ps", "-q", "--filter", f"name={PROJECT}-provision-run")
        wait_until(lambda: docker(*running), "the load runs")
        done = checkout.make("up")
        assert docker(*running)
        load.stdin.write(b"time,sensor_id,value\n2015-01-02T12:30:00Z,1,7\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert load.returncode == 0


def test_drift_is_silent_after_up_and_finds_what_was_changed_by_hand(checkout: Checkout) -> None:
    assert checkout.make("drift").returncode == 0
    checkout.make("psql", stdin="create index by_hand on readings (value)")
    found = checkout.make("drift")
    assert found.returncode != 0
    assert "by_hand" in found.stdout
    checkout.make("psql", stdin="drop index by_hand")
    assert checkout.make("drift").returncode == 0


@pytest.mark.parametrize(
    "name",
    [
        *BY_SECRET,
        "redis_password",
        "admin_password",
    ],
)
def test_a_secret_is_rotated_while_the_stack_runs(checkout: Checkout, name: str) -> None:
    file = checkout.folder / ".secrets" / name
    old = file.read_text().strip()
    done = checkout.make("rotate", f"SECRET={name}")
    assert done.returncode == 0, done.stdout + done.stderr
    new = file.read_text().strip()
    assert new != old
    assert new not in done.stdout + done.stderr
    assert checkout.get("/health/ready").status_code == 200
    if name == "admin_password":
        assert checkout.log_in(old).status_code == 200, "the form again"
        assert checkout.log_in(new).status_code == 302
    if name in BY_SECRET:
        role = BY_SECRET[name].name
        for word, opens in ((old, False), (new, True)):
            url = f"host=127.0.0.1 dbname=timestack user={role} sslmode=require"
            login = subprocess.run(
                [
                    *("docker", "exec", "-e", "PGPASSWORD", f"{PROJECT}-timescaledb-1"),
                    *("psql", "-X", "-c", "select 1", url),
                ],
                env={**os.environ, "PGPASSWORD": word},
                capture_output=True,
                check=False,
            )
            assert (login.returncode == 0) is opens


def test_a_rotated_session_key_keeps_everybody_logged_in(checkout: Checkout) -> None:
    browser = checkout.client()
    password = (checkout.folder / ".secrets" / "admin_password").read_text().strip()
    assert checkout.log_in(password, browser).status_code == 302
    form = browser.get("/account/password")
    keys = [checkout.folder / ".secrets" / name for name in ("secret_key", "secret_key_previous")]
    before = keys[0].read_text()
    done = checkout.make("rotate", "SECRET=secret_key")
    assert done.returncode == 0, done.stdout + done.stderr
    assert keys[1].read_text() == before
    assert keys[0].read_text() != before
    assert wait_until(lambda: browser.get("/health/ready").status_code == 200, "the web is back")
    # A form that was opened before, with a token that the old key signed.
    words = {"csrf_token": TOKEN_FIELD.search(form.text)[1], "password": password}
    new = {"new_password": PASSWORD, "new_password_confirm": PASSWORD}
    assert browser.post("/account/password", data={**words, **new}).status_code == 302
    assert browser.get("/account").status_code == 200


@pytest.mark.parametrize(
    ("name", "path"),
    [("pgadmin_proxy_secret", "/pgadmin/browser/"), ("flower_proxy_secret", "/flower/")],
)
def test_a_rotated_proof_of_the_proxy_opens_the_same_door(
    checkout: Checkout, name: str, path: str
) -> None:
    admin = checkout.client()
    assert checkout.log_in(PASSWORD, admin).status_code == 302
    assert admin.get(path).status_code == 200
    file = checkout.folder / ".secrets" / name
    old = file.read_text()
    done = checkout.make("rotate", f"SECRET={name}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert file.read_text() != old
    wait_until(lambda: admin.get(path).status_code == 200, f"{path} is open again")


def test_the_platform_takes_a_rotated_token(checkout: Checkout) -> None:
    done = checkout.make("rotate", "SECRET=platform_password")
    assert done.returncode == 0, done.stdout + done.stderr
    admin = checkout.client()
    assert checkout.log_in(PASSWORD, admin).status_code == 302
    token = TOKEN_FIELD.search(admin.get("/account").text)[1]
    headers = {"X-CSRFToken": token, "Referer": str(admin.base_url)}
    made = admin.post("/api/v1/jobs", json={"kind": "usage.ingest"}, headers=headers)
    assert made.status_code == 202, made.text
    path = urlsplit(made.headers["location"]).path

    def state() -> str:
        now = admin.get(path).json()["state"]
        return now if now in ("succeeded", "failed") else ""

    assert wait_until(state, "the job ends", deadline=120) == "succeeded"


def test_the_token_of_a_platform_of_ones_own_is_not_rotated(checkout: Checkout) -> None:
    file = checkout.folder / ".secrets" / "platform_password"
    old = file.read_text()
    url = "https://media.example.org"
    done = checkout.make("rotate", "SECRET=platform_password", PLATFORM_URL=url)
    assert done.returncode != 0
    assert url in done.stderr
    assert file.read_text() == old


def test_a_secret_that_does_not_exist_is_not_rotated(checkout: Checkout) -> None:
    done = checkout.make("rotate", "SECRET=ca.key")
    assert done.returncode != 0
    assert "db_app_password" in done.stderr


def test_an_offline_plan_needs_no_database(checkout: Checkout) -> None:
    assert checkout.make("secrets").returncode == 0
    assert checkout.make("down").returncode == 0
    done = checkout.make("plan", "ARGS=--offline --edition timescale")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("-- edition: timescale")
    assert 'create materialized view public."readings_1h"' in done.stdout
    assert checkout.containers == []


def test_down_keeps_the_data(checkout: Checkout) -> None:
    assert checkout.make("down").returncode == 0
    assert checkout.containers == []
    assert checkout.make("up").returncode == 0
    done = checkout.make("psql", stdin="select count(*) > 200000 as there from readings;")
    assert "t" in done.stdout.split()


def test_clean_asks_before_it_deletes(checkout: Checkout) -> None:
    done = checkout.make("clean")
    assert done.returncode != 0
    assert "timescaledb-data" in done.stdout
    assert f"{PROJECT}_timescaledb-data" in docker("volume", "ls", "-q").split()
    assert checkout.make("clean", FORCE="yes").returncode == 0
    left = docker("volume", "ls", "-q").split()
    assert [each for each in left if each.startswith(f"{PROJECT}_")] == [f"{PROJECT}_backups"]


def test_clean_deletes_the_backups_when_it_is_told_to(checkout: Checkout) -> None:
    done = checkout.make("clean", FORCE="yes", BACKUPS="delete")
    assert done.returncode == 0, done.stderr
    assert f"{PROJECT}_backups" not in docker("volume", "ls", "-q").split()
