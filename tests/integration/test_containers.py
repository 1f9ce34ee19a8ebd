"""The defaults that every service has, read from the engine and not from our own files."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest

from tests.stack import ROOT, Stack, docker

pytestmark = pytest.mark.stack

SERVICES = {
    *("traefik", "web", "worker", "worker-long", "worker-owner", "worker-forecast", "beat"),
    *("flower", "redis", "timescaledb", "pgadmin", "provision", "platform"),
}
# Those that have a volume.
KEEPS = {"timescaledb", "redis", "pgadmin", "traefik", "web", "worker-long"}
TABLE = ROOT / "build" / "containers.txt"
COLUMNS = ("service", "user", "capabilities", "root", "mounts", "published")
# Which namespace of control groups it is, the engine chooses by the host's kernel.
NAMESPACES = ("PidMode", "IpcMode", "UTSMode", "UsernsMode", "NetworkMode")


def test_every_service_of_the_blueprint_is_there_and_healthy(stack: Stack) -> None:
    states = stack.states()
    assert set(states) == SERVICES
    assert states.pop("provision") == "exited 0"
    assert states == dict.fromkeys(states, "healthy")


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_the_container_has_nothing_it_does_not_need(stack: Stack, service: str) -> None:
    host = stack.inspect(service)["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["Privileged"] is False
    assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"])
    assert host["Init"] is True
    assert host["Memory"] > 0
    assert host["NanoCpus"] > 0
    assert host["PidsLimit"] > 0
    assert host["LogConfig"]["Type"] == "json-file"
    assert set(host["LogConfig"]["Config"]) == {"max-size", "max-file"}
    sources = [mount["Source"] for mount in stack.inspect(service)["Mounts"]]
    assert not [source for source in sources if source.endswith("docker.sock")]


@pytest.mark.parametrize("service", sorted(SERVICES - {"provision"}))
def test_no_process_runs_as_root_or_with_a_capability(stack: Stack, service: str) -> None:
    pid = stack.inspect(service)["State"]["Pid"]
    tree = [pid, *descendants(pid)]
    assert len(tree) > 1, "the init process has a child: the service itself"
    for process in tree:
        lines = told_of(process, "status").splitlines()
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        if not status:
            continue
        assert int(status["Uid"].split()[0]) != 0, status["Name"]
        assert int(status["CapEff"], 16) == 0, status["Name"]
        assert status["NoNewPrivs"].strip() == "1", status["Name"]


def descendants(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
        return children + [grand for child in children for grand in descendants(child)]
    return []


def told_of(pid: int, what: str) -> str:
    """A file of /proc; empty when the process has ended meanwhile, as health checks do."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/{what}").read_bytes().decode(errors="replace")
    return ""


def service_of(container: dict) -> str:
    return container["Config"]["Labels"]["com.docker.compose.service"]


def row_of(container: dict) -> tuple[str, ...]:
    """What a container may, in the order of COLUMNS; of the running one, as the kernel has it."""
    host, pid = container["HostConfig"], container["State"]["Pid"]
    user, capabilities = container["Config"]["User"], "none" if not host["CapAdd"] else "some"
    if pid:
        status = Path(f"/proc/{pid}/status").read_text()
        kept = {line.partition(":")[0]: line.split()[1:] for line in status.splitlines()}
        user = f"{user} ({kept['Uid'][1]}:{kept['Gid'][1]})"
        sets = ("CapEff", "CapPrm", "CapBnd")
        capabilities = "none" if not any(int(kept[name][0], 16) for name in sets) else "some"
    return (
        service_of(container),
        user,
        capabilities,
        "read-only" if host["ReadonlyRootfs"] else "writable",
        ", ".join(mounts_of(container)),
        ", ".join(sorted(published_by(container))) or "none",
    )


def mounts_of(container: dict) -> list[str]:
    """Volumes by their path, tmpfs by theirs, secrets by their number, and whatever else."""
    found = [f"volume {each['Destination']}" for each in volumes_of(container)]
    found += [f"tmpfs {path}" for path in sorted(container["HostConfig"]["Tmpfs"] or {})]
    secrets = [each for each in binds_of(container) if is_secret(each)]
    found += [f"secrets: {len(secrets)}"] * bool(secrets)
    return found + [each["Source"] for each in binds_of(container) if not is_secret(each)]


def volumes_of(container: dict) -> list[dict]:
    return [each for each in container["Mounts"] if each["Type"] == "volume"]


def binds_of(container: dict) -> list[dict]:
    return [each for each in container["Mounts"] if each["Type"] not in ("volume", "tmpfs")]


def is_secret(mount: dict) -> bool:
    return mount["Destination"].startswith("/run/secrets/") and not mount["RW"]


def published_by(container: dict) -> set[str]:
    ports = container["NetworkSettings"]["Ports"] or {}
    return {
        f"{each['HostIp']}:{each['HostPort']}->{inner}"
        for inner, outer in ports.items()
        for each in outer or []
    }


def test_the_table_of_the_containers_shows_what_each_may(
    stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    rows = sorted(row_of(container) for container in stack.inspect_all())
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    table = "\n".join(
        "  ".join(map(str.ljust, row, widths)).rstrip() for row in chain([COLUMNS], rows)
    )
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(f"{table}\n")
    record_property("shown", table)
    assert {row[0] for row in rows} == SERVICES
    for service, user, capabilities, root, mounts, published in rows:
        assert user.partition(":")[0] not in ("", "0", "root"), service
        assert "(0:" not in user, service
        assert capabilities == "none", service
        assert root == "read-only", service
        assert ("volume" in mounts) is (service in KEEPS), service
        ports = {f"{stack.http_port}->8080/tcp", f"{stack.https_port}->8443/tcp"}
        expected = {f"127.0.0.1:{port}" for port in ports} if service == "traefik" else {"none"}
        assert set(published.split(", ")) == expected, service


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_nothing_of_the_host_is_in_the_container_but_its_secrets(
    stack: Stack, service: str
) -> None:
    container = stack.inspect(service)
    for mount in binds_of(container):
        source = Path(mount["Source"])
        # Neither the engine's socket, under any name, nor a folder that holds it is a regular file.
        assert source.is_file(), source
        assert source.parent == stack.secrets, source
        assert mount["RW"] is False, source
    host = container["HostConfig"]
    assert not host["Devices"]
    assert not host["DeviceRequests"]
    assert not host["VolumesFrom"]
    assert {host[name] for name in NAMESPACES}.isdisjoint({"host"})
    assert not [each for each in container["Config"]["Env"] if each.startswith("DOCKER_")]


def test_no_secret_stands_in_a_container_or_an_image(stack: Stack) -> None:
    public = {"ca.pem", "tls.pem", "tls_later.pem", "db_tls.pem"}
    secrets = {
        file.name: text
        for file in stack.secrets.iterdir()
        if file.is_file() and file.name not in public and (text := file.read_text().strip())
    }
    assert {"db_owner_password", "redis_password", "secret_key", "admin_password"} <= set(secrets)
    containers = stack.inspect_all()
    images = sorted({container["Image"] for container in containers})
    shown = json.dumps(containers)
    shown += docker("inspect", *images)
    shown += "".join(docker("history", "--no-trunc", image) for image in images)
    for name, text in secrets.items():
        line = text.splitlines()[len(text.splitlines()) // 2]
        assert line not in shown, name
    for service in SERVICES - {"provision"}:
        pid = stack.inspect(service)["State"]["Pid"]
        for process in [pid, *descendants(pid)]:
            for what in ("environ", "cmdline"):
                seen = told_of(process, what)
                for name, text in secrets.items():
                    assert text.splitlines()[-1] not in seen, (service, what, name)


def test_each_service_mounts_only_the_secrets_it_needs(stack: Stack) -> None:
    mounted = {
        container["Config"]["Labels"]["com.docker.compose.service"]: {
            Path(mount["Destination"]).name
            for mount in container["Mounts"]
            if mount["Destination"].startswith("/run/secrets/")
        }
        for container in stack.inspect_all()
    }
    everywhere = set().union(*mounted.values())
    assert "ca.key" not in everywhere

    def holders(secret: str) -> set[str]:
        return {service for service, names in mounted.items() if secret in names}

    assert holders("admin_password") == {"provision"}
    assert holders("db_owner_password") == {"timescaledb", "provision", "worker-owner"}
    assert holders("backup_key") == {"timescaledb"}
    assert holders("secret_key") == {"web"}
    assert holders("pgadmin_proxy_secret") == {"web", "pgadmin"}
    assert holders("flower_proxy_secret") == {"web", "flower"}
    assert holders("notify_webhook") == {"worker", "worker-long"}
    assert holders("smtp_password") == {"worker", "worker-long"}
    assert holders("platform_password") == {"worker", "worker-long", "platform"}
    assert mounted["traefik"] == {"tls.pem", "tls_later.pem", "tls.key"}


def test_the_database_and_the_broker_have_no_way_out(stack: Stack) -> None:
    for service in ("timescaledb", "redis", "web", "pgadmin", "worker-owner", "worker-forecast"):
        networks = stack.inspect(service)["NetworkSettings"]["Networks"]
        assert networks, service
        for network in networks:
            assert json.loads(docker("network", "inspect", network))[0]["Internal"], service


def test_the_superuser_does_not_log_in_over_the_network(stack: Stack) -> None:
    done = stack.exec(
        "timescaledb", "psql", "-X",
        "host=127.0.0.1 user=postgres dbname=postgres sslmode=require password=x", "-c", "select 1",
    )  # fmt: skip
    assert done.returncode != 0
    assert "pg_hba.conf" in done.stderr


def test_a_connection_without_tls_is_refused(stack: Stack) -> None:
    done = stack.exec(
        "timescaledb", "psql", "-X",
        "host=127.0.0.1 user=timestack_app dbname=timestack sslmode=disable password=x",
        "-c", "select 1",
    )  # fmt: skip
    assert done.returncode != 0
    assert "no encryption" in done.stderr


def test_postgresql_is_set_up_for_its_container(stack: Stack) -> None:
    settings = dict(
        stack.sql(
            "select name, setting from pg_settings where name in ('data_checksums',"
            " 'password_encryption', 'shared_preload_libraries', 'max_locks_per_transaction',"
            " 'shared_buffers', 'TimeZone', 'ssl')"
        )
    )
    assert settings["data_checksums"] == "on"
    assert settings["password_encryption"] == "scram-sha-256"
    assert settings["shared_preload_libraries"].split(",")[0] == "timescaledb"
    assert int(settings["max_locks_per_transaction"]) >= 256
    assert settings["ssl"] == "on"
    assert settings["TimeZone"] == "UTC"
    limit = stack.inspect("timescaledb")["HostConfig"]["Memory"]
    share = int(settings["shared_buffers"]) * 8192 / limit
    assert 0.15 <= share <= 0.45
