"""The database image: who gets in, how it is tuned, and that it survives being killed."""

from __future__ import annotations

import subprocess
import zoneinfo
from pathlib import Path

import psycopg2
import pytest

from tests.editions import IMAGES
from tests.integration.db.conftest import Server
from tests.stack import docker, wait_until

pytestmark = pytest.mark.database

IMAGE = IMAGES["apache"]


def connect(server: Server, **changes):
    parameters = {
        "host": "localhost",
        "port": server.port,
        "dbname": "timestack",
        "user": "timestack_owner",
        "password": (server.secrets / "db_owner_password").read_text().strip(),
        "sslmode": "verify-full",
        "sslrootcert": str(server.secrets / "ca.pem"),
        "connect_timeout": 5,
    }
    return psycopg2.connect(**{**parameters, **changes})


def test_a_client_that_verifies_the_certificate_gets_in(server: Server) -> None:
    connection = connect(server)
    with connection, connection.cursor() as cursor:
        cursor.execute("select ssl, version from pg_stat_ssl where pid = pg_backend_pid()")
        encrypted, version = cursor.fetchone()
    assert encrypted
    assert version in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sslmode": "disable"}, "no pg_hba.conf entry"),
        ({"password": "wrong"}, "password authentication failed"),
        ({"user": "postgres"}, "pg_hba.conf rejects connection"),
        ({"user": "nobody"}, "password authentication failed"),
    ],
    ids=["clear text", "wrong password", "the superuser", "an unknown role"],
)
def test_nobody_else_gets_in(server: Server, changes: dict, message: str) -> None:
    with pytest.raises(psycopg2.OperationalError, match=message):
        connect(server, **changes)


def test_passwords_are_kept_as_scram_verifiers(server: Server) -> None:
    assert server.sql("select count(*) from pg_authid where rolpassword like 'md5%'") == "0"
    stored = server.sql("select rolpassword from pg_authid where rolname = 'timestack_owner'")
    assert stored.startswith("SCRAM-SHA-256$4096:")


def test_the_owner_is_no_superuser(server: Server) -> None:
    rights = "rolsuper, rolbypassrls, rolreplication, rolcreatedb"
    assert server.sql(f"select {rights} from pg_roles where rolname = 'timestack_owner'") == (
        "f|f|f|f"
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("data_checksums", "on"),
        ("shared_preload_libraries", "timescaledb,pg_stat_statements"),
        ("timescaledb.telemetry_level", "off"),
        ("TimeZone", "UTC"),
        ("jit", "off"),
        ("password_encryption", "scram-sha-256"),
    ],
)
def test_it_is_configured(server: Server, setting: str, value: str) -> None:
    assert server.sql(f"show {setting}") == value


def test_locks_suffice_for_a_table_of_many_chunks(server: Server) -> None:
    assert int(server.sql("show max_locks_per_transaction")) >= 256


def test_two_phase_commit_is_possible(server: Server) -> None:
    assert int(server.sql("show max_prepared_transactions")) > 0


def test_memory_follows_the_limit_of_the_container(server: Server, secrets: Path) -> None:
    assert server.sql("show shared_buffers") == "512MB"
    with Server(secrets, memory="512m") as small:
        assert small.sql("show shared_buffers") == "128MB"
        assert int(small.sql("show max_connections")) < int(server.sql("show max_connections"))


def test_options_of_the_container_s_command_are_the_server_s(server: Server) -> None:
    # The tests' own, tests/stack.VOLATILE.
    assert server.sql("show fsync") == "off"


def test_the_process_has_neither_root_nor_capabilities(server: Server) -> None:
    status = server.run("cat", "/proc/1/status").stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split()[0] != "0"
    assert int(fields["CapEff"], 16) == 0


def test_the_key_is_readable_by_the_server_alone(server: Server) -> None:
    assert server.run("stat", "-c", "%a", "/run/postgresql/tls.key").stdout.strip() == "600"


def test_nothing_secret_is_in_the_image() -> None:
    environment = docker("inspect", "--format", "{{json .Config.Env}}", IMAGE)
    assert "PASSWORD" not in environment.upper()
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", IMAGE)
    assert "PRIVATE KEY" not in history


def test_a_new_secret_is_taken_over_at_the_next_start(secrets: Path, tmp_path: Path) -> None:
    copied = tmp_path / "secrets"
    subprocess.run(["cp", "-r", str(secrets), str(copied)], check=True)
    with Server(copied) as server:
        password = copied / "db_owner_password"
        before = password.read_text().strip()
        password.chmod(0o644)
        password.write_text("another-password\n")
        server.container.get_wrapped_container().restart(timeout=20)
        wait_until(server.healthy, "it is healthy with the new secret")
        connect(server, password="another-password").close()
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            connect(server, password=before)


def test_a_missing_secret_is_named() -> None:
    done = subprocess.run(
        ["docker", "run", "--rm", "--tmpfs", "/run/postgresql", IMAGE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "/run/secrets/db_tls.pem: No such file or directory" in done.stderr


def test_killed_while_the_cluster_is_made_it_starts_afresh(secrets: Path) -> None:
    # With a fifth of a processor initdb takes long enough to be met at work, by a look that does
    # not begin again each time.
    server = Server(secrets, cpu_quota=20_000)
    server.container.start()
    try:
        container = server.container.get_wrapped_container()
        seen = "cd /var/lib/postgresql; until [ -e data.unfinished ] || [ -e data ]; do :; done; ls"
        assert "data.unfinished" in server.run("timeout", "60", "sh", "-c", seen).stdout
        container.kill()
        wait_until(lambda: container.wait() is not None, "it is dead")
        container.update(cpu_quota=-1)
        container.start()
        wait_until(server.healthy, "it is healthy after all")
        assert server.run("ls", "/var/lib/postgresql").stdout.split() == ["data", "volume.lock"]
    finally:
        server.container.stop(force=True, delete_volume=True)


def test_committed_rows_survive_kill_9(secrets: Path) -> None:
    with Server(secrets) as server:
        server.sql("create table kept as select generate_series(1, 1000) as n", "timestack")
        container = server.container.get_wrapped_container()
        container.kill()
        wait_until(lambda: container.wait() is not None, "it is dead")
        container.start()
        wait_until(server.healthy, "it has recovered")
        assert server.sql("select count(*) from kept", "timestack") == "1000"


def test_a_dead_servers_pid_that_is_another_process_now_does_not_keep_it_down(
    secrets: Path,
) -> None:
    with Server(secrets) as server:
        server.sql("create table kept as select 1 as n", "timestack")
        # PID 1 is this container's init, now and after the restart.
        server.run("sed", "-i", "1s/.*/1/", "/var/lib/postgresql/data/postmaster.pid")
        container = server.container.get_wrapped_container()
        container.kill()
        wait_until(lambda: container.wait() is not None, "it is dead")
        container.start()
        wait_until(server.healthy, "it has recovered")
        assert server.sql("select count(*) from kept", "timestack") == "1"


def test_a_second_container_on_the_same_volume_is_refused(server: Server) -> None:
    second = subprocess.run(
        ["docker", "run", "--rm", "--tmpfs", "/run/postgresql", "--volumes-from", server.id, IMAGE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert "in use by another container: stop that one first" in second.stderr
    assert server.sql("select 1") == "1"


def test_it_stops_fast_and_cleanly(secrets: Path) -> None:
    with Server(secrets) as server:
        container = server.container.get_wrapped_container()
        container.stop(timeout=20)
        assert container.wait()["StatusCode"] == 0
        assert b"database system is shut down" in container.logs()


def test_every_time_zone_that_python_knows_the_database_knows(server: Server) -> None:
    names = zoneinfo.available_timezones() | {"US/Eastern", "Asia/Calcutta", "Europe/Kiev", "GB"}
    known = set(server.sql("select name from pg_timezone_names").splitlines())
    assert names - known - {"localtime", "Factory"} == set()
