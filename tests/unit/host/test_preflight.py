"""What the host lacks is reported before anything starts, with who holds a port and what to do."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from scripts.host import environment, preflight

ROOT = Path(__file__).resolve().parents[3]
LOOPBACK = "127.0.0.1"
ANY = str(preflight.ipaddress.IPv4Address(0))
NOBODY = 65534
needs_ipv6 = pytest.mark.skipif(
    not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6"
)


@contextmanager
def listening(address: str = LOOPBACK, *, both_families: bool = False) -> Iterator[int]:
    """A port that this process listens on."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as server:
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not both_families))
        server.bind((address, 0))
        server.listen()
        yield server.getsockname()[1]


@contextmanager
def another_process() -> Iterator[tuple[int, int]]:
    """A port that another process listens on, and its pid."""
    program = (
        "import socket, sys; server = socket.create_server(('127.0.0.1', 0));"
        "print(server.getsockname()[1], flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    # Leaving closes its standard input, at which it ends.
    with subprocess.Popen(command, text=True, **pipes) as server:
        yield int(server.stdout.readline()), server.pid


def free_port() -> int:
    with listening() as port:
        return port


def settings(http: int, https: int, address: str = LOOPBACK) -> dict[str, str]:
    ports = {"HTTP_PORT": str(http), "HTTPS_PORT": str(https), "DB_PORT": ""}
    return {"BIND_ADDRESS": address, **ports}


def itself() -> str:
    name = Path("/proc/self/comm").read_text().strip()
    return f"{name} (pid {os.getpid()})"


def test_a_free_port_has_no_holder():
    assert preflight.holder_of(free_port(), LOOPBACK) is None


def test_the_holder_of_a_port_is_told_by_name_and_pid():
    with listening() as port:
        assert preflight.holder_of(port, LOOPBACK) == itself()


def test_another_process_is_told_apart_from_ours():
    with another_process() as (port, pid):
        assert preflight.holder_of(port, LOOPBACK).endswith(f"(pid {pid})")


def test_a_listener_on_all_addresses_holds_each_of_them():
    with listening(ANY) as port:
        assert preflight.holder_of(port, LOOPBACK) == itself()


def test_a_listener_on_one_address_holds_all_of_them():
    with listening() as port:
        assert preflight.holder_of(port, ANY) == itself()


def test_a_listener_on_another_address_holds_nothing():
    with listening("127.0.0.2") as port:
        assert preflight.holder_of(port, LOOPBACK) is None


@needs_ipv6
def test_a_listener_on_both_families_holds_the_ipv4_address():
    with listening("::", both_families=True) as port:
        assert preflight.holder_of(port, LOOPBACK) == itself()


@needs_ipv6
def test_a_listener_on_ipv6_alone_leaves_the_ipv4_address_free():
    with listening("::") as port:
        assert preflight.holder_of(port, LOOPBACK) is None


@needs_ipv6
def test_an_ipv6_address_has_its_own_holder():
    with listening("::1") as port:
        assert preflight.holder_of(port, "::1") == itself()


def test_a_port_taken_by_a_socket_that_does_not_listen_yet_is_not_free():
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        assert preflight.holder_of(server.getsockname()[1], LOOPBACK) == "another process"


@pytest.mark.skipif(os.geteuid() != 0, reason="somebody else's process is needed")
def test_without_root_the_holder_is_another_process():
    with another_process() as (port, _):
        os.seteuid(NOBODY)
        try:
            holder = preflight.holder_of(port, LOOPBACK)
        finally:
            os.seteuid(0)
    assert holder == "another process (run as root to see which)"


def test_a_port_in_use_is_refused_with_its_key_its_holder_and_a_free_one():
    with listening() as port:
        (fault,) = preflight.ports(settings(free_port(), port), set())
        suggested = int(fault.todo.rpartition(" ")[2])
        assert preflight.holder_of(suggested, LOOPBACK) is None
    assert fault.where == f"port {port} on {LOOPBACK} (HTTPS_PORT)"
    assert fault.what == f"in use by {itself()}"
    assert "set HTTPS_PORT in .env" in fault.todo


def test_both_ports_in_use_are_told_at_once_with_two_different_free_ones():
    with listening() as http, listening() as https:
        found = preflight.ports(settings(http, https), set())
    assert len({fault.todo.rpartition(" ")[2] for fault in found} - {str(http), str(https)}) == 2


def test_a_port_that_our_own_stack_publishes_is_no_fault():
    with listening() as port:
        assert preflight.ports(settings(port, free_port()), {port}) == []


def test_free_ports_are_no_fault():
    with listening() as one, listening() as other:
        pair = settings(one, other)
    assert preflight.ports(pair, set()) == []


def test_the_database_s_port_is_looked_for_on_loopback_whatever_bind_address_says():
    with another_process() as (port, pid):
        wanted = {**settings(free_port(), free_port(), ANY), "DB_PORT": str(port)}
        (fault,) = preflight.ports(wanted, set())
    assert fault.where == f"port {port} on {LOOPBACK} (DB_PORT)"
    assert fault.what.endswith(f"(pid {pid})")
    assert "set DB_PORT in .env to a free port" in fault.todo


def test_an_address_that_is_not_this_hosts_is_refused():
    (fault,) = preflight.ports(settings(8080, 8443, "192.0.2.7"), set())
    assert fault.where == "BIND_ADDRESS in .env"
    assert fault.what == "192.0.2.7 is not an address of this host"


@needs_ipv6
def test_an_ipv6_address_is_read_with_its_brackets():
    with listening("::1") as port:
        (fault,) = preflight.ports(settings(port, free_port(), "[::1]"), set())
    assert fault.where == f"port {port} on ::1 (HTTP_PORT)"


def test_too_little_disk_is_refused_with_what_is_free_and_what_is_needed(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    (fault,) = preflight.disk(tmp_path, free + 2**40)
    assert fault.where == str(tmp_path)
    assert "GiB of disk free" in fault.what
    assert "docker builder prune" in fault.todo


def test_enough_disk_is_no_fault(tmp_path):
    assert preflight.disk(tmp_path, 1) == []


def test_the_disk_of_a_folder_not_yet_made_is_its_parents(tmp_path):
    assert preflight.disk(tmp_path / "a" / "b", 1) == []
    assert preflight.disk(tmp_path / "a" / "b", 2**60) != []


def test_too_little_memory_is_refused_with_what_is_needed():
    (fault,) = preflight.memory(2**50)
    assert "1048576.0 GiB needed" in fault.what


def test_enough_memory_is_no_fault():
    assert preflight.memory(1) == []


def test_a_missing_engine_and_compose_are_both_told_with_the_versions_needed():
    found = preflight.versions(None, None)
    assert [fault.where for fault in found] == ["Docker Engine", "Docker Compose"]
    assert preflight.MINIMUMS["engine"] in found[0].todo


@pytest.mark.parametrize("version", ["20.10.24", "23.0.6+dfsg1", "v19.3"])
def test_an_engine_that_is_too_old_is_refused_with_both_versions(version):
    (fault,) = preflight.versions(version, "2.26.1")
    assert fault.what == f"{version} is too old, {preflight.MINIMUMS['engine']} is needed"


def test_an_old_compose_and_an_old_buildx_are_both_refused():
    found = preflight.versions("26.1.5", "v2.3.3", buildx="v0.10.5")
    assert [fault.where for fault in found] == ["Docker Compose", "Docker buildx"]


def test_a_version_that_is_no_number_is_refused():
    (fault,) = preflight.versions("unknown", "2.26.1")
    assert fault.what == "its version is not a number: 'unknown'"


@pytest.mark.parametrize("compose", ["2.26.1-4", "v5.0.0", "Docker Compose version v2.100"])
def test_the_oldest_versions_and_all_newer_ones_are_taken(compose):
    minimums = preflight.MINIMUMS
    assert preflight.versions(minimums["engine"], compose, buildx=minimums["buildx"]) == []


def versions_folder() -> Path:
    return ROOT / "services" / "web" / "migrations" / "versions"


def test_every_migration_that_alembic_knows_is_known() -> None:
    folder = versions_folder()
    scripts = ScriptDirectory(folder.parent)
    known = [each.revision for each in scripts.walk_revisions()]
    assert len(known) > 7
    for revision in known:
        assert preflight.migrations(folder, {revision}) == []


def test_a_migration_that_is_written_with_a_type_is_known(tmp_path: Path) -> None:
    (tmp_path / "ab12_mine.py").write_text("revision: str = 'ab12'\ndown_revision = '0008'\n")
    assert preflight.migrations(tmp_path, {"ab12"}) == []


def test_a_database_without_migrations_has_no_fault() -> None:
    assert preflight.migrations(versions_folder(), set()) == []


def test_a_database_that_a_newer_version_made_is_refused_by_its_migration() -> None:
    (fault,) = preflight.migrations(versions_folder(), {"9999"})
    assert fault.where == "database"
    assert "9999" in fault.what
    assert "newer version" in fault.what


def test_a_newer_database_that_serves_this_code_as_well_is_taken() -> None:
    assert preflight.migrations(versions_folder(), {"9999", "0020"}) == []


DEFAULTS = dict(environment.defaults())


def grown(**changes: str) -> list[preflight.Fault]:
    return preflight.growth({**DEFAULTS, **changes}, ROOT)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"DB_MEMORY": "256m", "WEB_MEMORY": "256m"},
        {"WEB_WORKERS": "2", "WEB_THREADS": "256"},
        {"WEB_WORKERS": "16", "DB_MEMORY": "2g", "WEB_MEMORY": "3g"},
    ],
)
def test_settings_that_have_grown_together_have_no_fault(changes: dict[str, str]) -> None:
    assert grown(**changes) == []


def test_workers_that_outgrow_database_and_memory_are_named_with_both() -> None:
    connections, memory = grown(
        WEB_WORKERS="16", WEB_THREADS="8", DB_MEMORY="512m", WEB_MEMORY="512m"
    )
    assert connections.where == "WEB_WORKERS, WEB_THREADS, DB_MEMORY"
    assert "may open 144 connections" in connections.what
    assert "with DB_MEMORY=512m it takes 50" in connections.what
    assert connections.todo == "raise DB_MEMORY to 2g, or lower WEB_WORKERS to 1"
    assert memory.where == "WEB_WORKERS, WEB_MEMORY"
    assert memory.todo == "raise WEB_MEMORY to 2416m, or lower WEB_WORKERS to 2"


@pytest.mark.parametrize(
    "changes", [{"WEB_WORKERS": "64"}, {"WEB_WORKERS": "16"}, {"WORKER_CONCURRENCY": "64"}]
)
def test_doing_what_a_fault_says_removes_it(changes: dict[str, str]) -> None:
    faults = grown(**changes)
    assert faults
    for fault in faults:
        advice = dict(re.findall(r"(?:raise|lower) (\w+) to (\w+)", fault.todo))
        for key, value in advice.items():
            left = [each.where for each in grown(**{**changes, key: value})]
            assert fault.where not in left


@pytest.mark.parametrize("compose", ["2.20", "v2.20.1", "2.20.0+ds1"])
def test_a_compose_that_does_not_know_every_key_of_our_files_is_refused(compose: str) -> None:
    (fault,) = preflight.versions("26.1.5", compose)
    assert fault.what == f"{compose} is too old, 2.20.2 is needed"


@pytest.mark.parametrize("compose", ["2.20.2", "v2.20.3", "2.21.0"])
def test_a_compose_that_lists_containers_in_either_form_is_taken(compose: str) -> None:
    assert preflight.versions("26.1.5", compose) == []
