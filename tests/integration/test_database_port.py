"""DB_PORT: programs on this host read the database, and do nothing else to it."""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import subprocess
import sys
from collections.abc import Iterator

import psycopg2
import pytest

from scripts.host import doctor
from scripts.host.compose import image
from tests.stack import ROOT, Stack, free_port, make_secrets, wait_until

pytestmark = pytest.mark.stack

# What the proxy lets through at once (traefik/dynamic/database.yaml).
AT_ONCE = 20


def connect(stack: Stack, role: str = "readonly", **changes: str) -> psycopg2.extensions.connection:
    """A connection of this role by its right password, as a program on this host makes it."""
    return psycopg2.connect(
        **{
            "host": "localhost",
            "port": stack.database_port,
            "dbname": "timestack",
            "user": f"timestack_{role}",
            "password": (stack.secrets / f"db_{role}_password").read_text().strip(),
            "sslmode": "verify-full",
            "sslrootcert": str(stack.secrets / "ca.pem"),
            "connect_timeout": "10",
            **changes,
        }
    )


def ask(stack: Stack, statement: str, **changes: str) -> list[tuple]:
    with contextlib.closing(connect(stack, **changes)) as connection:
        cursor = connection.cursor()
        cursor.execute(statement)
        return cursor.fetchall()


@pytest.fixture(scope="module")
def readings(prefixed_stack: Stack) -> Iterator[Stack]:
    """A sensor with a reading, for as long as these tests run."""
    prefixed_stack.sql(
        "insert into sensors (id, type, location, name, unit)"
        " overriding system value values (1, 't', 'l', 'n', 'u');"
        "insert into readings values ('2024-01-01', 1, 7)"
    )
    yield prefixed_stack
    prefixed_stack.sql("delete from readings; delete from sensors")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_reader_on_this_host_reads_over_verified_tls(readings: Stack, host: str) -> None:
    statement = "select value, ssl from readings, pg_stat_ssl where pid = pg_backend_pid()"
    assert ask(readings, statement, host=host) == [(7, True)]


def test_a_reader_on_this_host_writes_nothing(readings: Stack) -> None:
    with pytest.raises(psycopg2.Error, match="read-only transaction"):
        ask(readings, "delete from readings returning 1")
    with pytest.raises(psycopg2.Error, match="permission denied"):
        ask(readings, "set default_transaction_read_only = off; commit; delete from readings")


def test_the_scanner_on_this_host_writes_results_and_reads_nothing_else(
    prefixed_stack: Stack,
) -> None:
    insert = "insert into tracked_files (path, size, modified_at, owner, site, host) values"
    added = f"{insert} ('/a', 1, now(), 'o', 's', 'h') returning path"
    with contextlib.closing(connect(prefixed_stack, "scanner")) as connection:
        cursor = connection.cursor()
        cursor.execute(added)
        assert cursor.fetchall() == [("/a",)]
        with pytest.raises(psycopg2.Error, match="permission denied"):
            cursor.execute("select * from users")


@pytest.mark.parametrize("role", ["owner", "app", "pgadmin", "backup"])
def test_every_other_role_is_refused_though_its_password_is_right(
    prefixed_stack: Stack, role: str
) -> None:
    with pytest.raises(psycopg2.OperationalError, match=r"pg_hba\.conf rejects connection"):
        connect(prefixed_stack, role)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sslmode": "disable"}, r"pg_hba\.conf rejects connection"),
        ({"password": "wrong"}, "password authentication failed"),
        ({"user": "postgres"}, r"pg_hba\.conf rejects connection"),
    ],
    ids=["clear text", "a wrong password", "the superuser"],
)
def test_a_reader_needs_tls_and_the_password(
    prefixed_stack: Stack, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(psycopg2.OperationalError, match=message):
        connect(prefixed_stack, **changes)


def test_another_authority_s_certificate_does_not_verify_the_server(
    prefixed_stack: Stack, tmp_path
) -> None:
    make_secrets(tmp_path / "other")
    with pytest.raises(psycopg2.OperationalError, match="certificate verify failed"):
        connect(prefixed_stack, sslrootcert=str(tmp_path / "other" / "ca.pem"))


def test_connections_that_say_nothing_leave_the_web_its_own(readings: Stack) -> None:
    address = ("127.0.0.1", int(readings.database_port))
    with contextlib.ExitStack() as held:
        silent = [
            held.enter_context(socket.create_connection(address, timeout=10))
            for _ in range(AT_ONCE * 4)
        ]
        wait_until(
            lambda: len(ended(silent)) >= len(silent) - AT_ONCE,
            f"all but {AT_ONCE} connections are ended",
        )
        assert readings.visitor.get("/health/ready").status_code == 200
    wait_until(lambda: works(readings), "a reader comes in again")


def ended(connections: list[socket.socket]) -> list[socket.socket]:
    """Those that have something to be read: nothing is sent here, so it is their end."""
    return select.select(connections, [], [], 0)[0]


def works(stack: Stack) -> bool:
    with contextlib.suppress(psycopg2.OperationalError):
        return ask(stack, "select 1") == [(1,)]
    return False


def test_the_doctor_tells_whether_postgresql_answers_there(prefixed_stack: Stack) -> None:
    assert doctor.database_port(prefixed_stack.database_port).grade == "ok"
    found = doctor.database_port(str(free_port()))
    assert (found.grade, found.detail.splitlines()[-1]) == ("fail", "-> make up")


def documented(stack: Stack, language: str) -> str:
    """The guide's lines in this language for a reader of the database, with this port."""
    guide = (ROOT / "docs" / "make-it-yours.md").read_text()
    chapter = guide.partition("## A notebook")[2]
    block = re.search(rf"```{language}\n(.+?)```", chapter, re.DOTALL)[1]
    assert "localhost:5432" in block
    return block.replace("localhost:5432", f"localhost:{stack.database_port}")


def test_the_guide_s_lines_for_pandas_give_a_frame(readings: Stack) -> None:
    program = documented(readings, "python") + "print(frame.to_csv(index=False))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=readings.directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["time,sensor_id,value", "2024-01-01", "00:00:00+00:00,1,7.0"], (
        done.stderr
    )


def test_the_guide_s_lines_for_psql_open_a_session(readings: Stack) -> None:
    # The host may have no psql; pgAdmin's image has one.
    done = subprocess.run(
        [
            *("docker", "run", "--rm", "-i", "--network", "host", "--user", str(os.getuid())),
            *("-v", f"{readings.secrets}:/here/.secrets:ro", "-w", "/here"),
            *("-e", "PATH=/usr/lib/postgresql/17/bin:/usr/bin:/bin", image("pgadmin")),
            *("sh", "-c", documented(readings, "sh")),
        ],
        input="\\pset format unaligned\nselect value from readings;",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "\n7\n" in done.stdout, done.stderr
