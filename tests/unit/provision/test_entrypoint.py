"""The database's entrypoint: what it computes before PostgreSQL starts."""

from __future__ import annotations

import base64
import importlib.util
from pathlib import Path

import pytest

from timestack.shared.roles import ROLES, Role

PATH = Path(__file__).resolve().parents[3] / "services" / "timescaledb" / "entrypoint.py"
GIB = 1024**3
MIB = 1024**2


@pytest.fixture(scope="module")
def entrypoint():
    spec = importlib.util.spec_from_file_location("entrypoint", PATH)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        # What it imports is beside it, as in the image.
        patch.syspath_prepend(PATH.parent)
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def meminfo(tmp_path: Path) -> Path:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:       16777216 kB\nMemFree:  1 kB\n")
    return path


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("memory.max", "1073741824\n", GIB),
        ("memory.max", "max\n", 16 * GIB),
        ("memory/memory.limit_in_bytes", "536870912\n", GIB // 2),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", 16 * GIB),
        (None, "", 16 * GIB),
    ],
    ids=["v2", "v2 without a limit", "v1", "v1 without a limit", "no cgroup"],
)
def test_the_memory_limit_is_the_cgroup_s(entrypoint, tmp_path, meminfo, file, text, expected):
    if file:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    assert entrypoint.memory_limit(tmp_path, meminfo) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "250000 100000\n"}, 2),
        ({"cpu.max": "800000 100000\n"}, 4),
        ({"cpu.max": "max 100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({}, 4),
    ],
    ids=[
        *("half a processor", "one", "two and a half", "more than there are", "without a limit"),
        *("v1", "v1 without a limit", "no cgroup"),
    ],
)
def test_the_processor_limit_is_the_cgroup_s(entrypoint, monkeypatch, tmp_path, files, expected):
    monkeypatch.setattr(entrypoint.os, "sched_getaffinity", lambda _: range(4))
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert entrypoint.cpu_limit(tmp_path) == expected


def test_memory_settings_stay_within_the_limit(entrypoint):
    for memory in (256 * MIB, 512 * MIB, GIB, 4 * GIB, 64 * GIB):
        settings = entrypoint.tuning(memory, cpus=4)
        shared = int(settings["shared_buffers"].removesuffix("MB")) * MIB
        work = int(settings["work_mem"].removesuffix("kB")) * 1024
        assert shared <= memory // 4
        assert work * int(settings["max_connections"]) <= max(memory // 2, 200 * MIB)


def test_statements_are_counted_where_the_image_has_the_library(entrypoint, tmp_path):
    assert entrypoint.preloaded(tmp_path) == "timescaledb"
    (tmp_path / "pg_stat_statements.so").touch()
    assert entrypoint.preloaded(tmp_path) == "timescaledb,pg_stat_statements"


def test_the_verifier_of_a_password_is_the_one_of_rfc_7677(entrypoint):
    # The example of the RFC: password "pencil" and this salt; keys computed from its messages.
    verifier = entrypoint.scram_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert verifier == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


# An interface of 172.20.0.0/16 and one of 172.21.0.0/24 with the way out of all other networks.
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth1\t00000000\t010015AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000014AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth1\t000015AC\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
# fd00:20::/64 of an interface, the default route, and an address of the container's own.
ROUTES_6 = f"""\
fd000020{"0" * 24} 40 {"0" * 32} 00 {"0" * 32} 00000100 00000001 00000000 00000001     eth0
{"0" * 32} 00 {"0" * 32} 00 fd000020{"0" * 23}1 00000400 00000001 00000000 00000003     eth0
fd000020{"0" * 23}3 80 {"0" * 32} 00 {"0" * 32} 00000000 00000002 00000000 80200001     eth0
"""


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    (tmp_path / "route").write_text(ROUTES)
    (tmp_path / "ipv6_route").write_text(ROUTES_6)
    return tmp_path


def named(monkeypatch: pytest.MonkeyPatch, entrypoint, *addresses: str) -> None:
    found = [(None, None, None, "", (address, 0)) for address in addresses]
    monkeypatch.setattr(entrypoint.socket, "getaddrinfo", lambda *_: found)


def test_only_reader_and_scanner_come_in_from_a_network_that_is_not_the_stack_s_own(
    entrypoint, monkeypatch, routes
):
    named(monkeypatch, entrypoint, "172.20.0.5", "fd00:20::3")
    entrypoint.write_access("inside", routes, routes)
    assert (routes / "pg_hba_outside.conf").read_text().splitlines() == [
        "hostssl all all samehost scram-sha-256",
        "hostssl all all 172.20.0.0/16 scram-sha-256",
        "hostssl all all fd00:20::/64 scram-sha-256",
        "hostssl all timestack_readonly all scram-sha-256",
        "hostssl all timestack_scanner all scram-sha-256",
        "host all all all reject",
    ]


def test_a_role_declared_so_comes_in_from_outside_too(entrypoint, monkeypatch, routes):
    named(monkeypatch, entrypoint, "172.20.0.5")
    more = (*ROLES, Role("bi", outside=True), Role("batch"))
    monkeypatch.setattr(entrypoint, "ROLES", more)
    entrypoint.write_access("inside", routes, routes)
    assert (routes / "pg_hba_outside.conf").read_text().splitlines()[-3:] == [
        "hostssl all timestack_scanner all scram-sha-256",
        "hostssl all timestack_bi all scram-sha-256",
        "host all all all reject",
    ]


def test_without_a_published_port_nothing_is_added(entrypoint, routes):
    (routes / "pg_hba_outside.conf").write_text("left behind")
    entrypoint.write_access("", routes, routes)
    assert not (routes / "pg_hba_outside.conf").exists()


def test_a_network_that_is_not_found_is_refused_and_not_taken_for_all(
    entrypoint, monkeypatch, routes
):
    named(monkeypatch, entrypoint, "192.0.2.7")
    with pytest.raises(SystemExit, match="INSIDE_NAME is inside, which is on no network"):
        entrypoint.write_access("inside", routes, routes)


def test_a_name_that_is_not_known_is_refused(entrypoint, routes):
    with pytest.raises(SystemExit, match=r"INSIDE_NAME is no-such-name\.invalid"):
        entrypoint.write_access("no-such-name.invalid", routes, routes)
