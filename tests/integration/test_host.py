"""What the host brings along: a umask, proxies, a builder, a Compose of another year."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.host import certificates, environment, images, stack
from scripts.host.compose import Compose, image
from scripts.host.console import Phase
from tests.stack import ROOT, docker, free_port, wait_until

pytestmark = pytest.mark.stack

# What a build copies from the clone, and the user that must be able to read it.
IMAGES = {
    "redis": ("services/redis", "redis", ["/etc/redis", "/usr/local/bin"]),
    "timescaledb": (
        "services/timescaledb",
        "postgres",
        ["/etc/timestack", "/usr/local/lib/timestack"],
    ),
    "pgadmin": ("services/pgadmin", "10001", ["/app", "/etc/pgadmin", "/usr/local/bin"]),
    "traefik": ("traefik", "10001", ["/etc/traefik", "/usr/local/bin"]),
    "web": ("services/web", "10001", ["/app"]),
    "platform": ("services/platform", "10001", ["/app", "/usr/local/bin"]),
    "metrics": ("services/metrics", "10001", ["/etc/prometheus", "/usr/local/bin"]),
}
PROXY = "http://proxy.example:3128"
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY")
EVERY = {spelled for name in NAMES for spelled in (name, name.lower())}
OUTSIDE = {"worker", "worker-long"}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone under `umask 077` holds."""
    clone = tmp_path_factory.mktemp("closed") / "clone"
    made = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in ("services", "traefik", "scripts", "compose"):
        shutil.copytree(ROOT / name, clone / name, ignore=made)
    for each in clone.rglob("*"):
        # But for what only the build's root reads: downloads then come from the build's cache.
        if not each.name.startswith(("requirements", "package", "dpkg-slim", "slim")):
            each.chmod(each.stat().st_mode & 0o700)
    return clone


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_built_under_a_closed_umask_is_readable_to_its_user(
    closed: Path, name: str
) -> None:
    folder, user, places = IMAGES[name]
    tag = f"timestack-test/{name}-{uuid.uuid4().hex[:8]}"
    contexts = {
        "provision": "scripts/provision",
        "scan": "scripts/scan",
        "schema": "services/timescaledb/schema",
        "shared": "services/web/timestack/shared",
    }
    more = [f"--build-context={key}={closed / path}" for key, path in contexts.items()]
    build = ["docker", "build", "--quiet", "-t", tag, *more, str(closed / folder)]
    done = subprocess.run(
        build, capture_output=True, text=True, check=False,
        env={**os.environ, "BUILDX_BUILDER": "default"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    try:
        look = ["find", *places, "!", "-readable", "-o", "-type", "d", "!", "-executable"]
        assert docker("run", "--rm", "--network=none", "-u", user, "--entrypoint", look[0], tag,
                      *look[1:]) == ""  # fmt: skip
    finally:
        docker("rmi", "--force", tag)


def test_the_provisioner_reads_the_schema_of_a_closed_clone(closed: Path) -> None:
    compose = Compose(closed, {**environment.read(ROOT / ".env.example")})
    phase = Phase("schema")
    stack.check_schema(compose, phase)
    assert "no fault" in phase.result


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Compose]:
    """A stack whose containers are made and never started, by a user with proxies."""
    for name in ("compose", "services", "traefik", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    configuration = tmp_path / "docker"
    configuration.mkdir()
    proxies = {
        **{f"{kind}Proxy": PROXY for kind in ("http", "https", "ftp", "all")},
        "noProxy": "intranet.example,10.0.0.0/8",
    }
    (configuration / "config.json").write_text(json.dumps({"proxies": {"default": proxies}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(configuration))
    name = f"timestack-host-{uuid.uuid4().hex[:8]}"
    (tmp_path / ".env").write_text(f"COMPOSE_PROJECT_NAME={name}\nSECRETS_PATH=./.secrets\n")
    stack.make_secrets(tmp_path)
    made = stack.load(tmp_path)
    yield made
    made.read("--profile", "*", "down", "--volumes")


def environments(compose: Compose) -> dict[str, dict[str, str]]:
    """What each service's container has of proxies in its environment."""
    found = {}
    for each in compose.containers():
        pairs = dict(pair.split("=", 1) for pair in each["Config"]["Env"])
        name = each["Config"]["Labels"]["com.docker.compose.service"]
        found[name] = {key: value for key, value in pairs.items() if key in EVERY}
    return found


def test_proxies_reach_only_who_calls_out_and_spare_the_neighbours(project: Compose) -> None:
    assert project.run("create", "--quiet-pull") == 0
    found = environments(project)
    assert set(found) == set(project.config()["services"])
    for name in set(found) - OUTSIDE:
        assert set(found[name].values()) == {""}, name
        assert set(found[name]) == EVERY, name
    for name in OUTSIDE:
        assert set(found[name]) == EVERY, name
        for spelled in ("NO_PROXY", "no_proxy"):
            spared = found[name].pop(spelled).split(",")
            assert {"timescaledb", "redis", "platform", "localhost"} <= set(spared), name
            assert spared[-2:] == ["intranet.example", "10.0.0.0/8"], name
        assert set(found[name].values()) == {PROXY}, name
    states = project.services()
    assert {str(each) for each in states.values()} == {"created"}


def test_the_web_that_asks_a_platform_keeps_the_proxies(project: Compose) -> None:
    asking = Compose(project.root, {**project.values, "AUTH_BACKEND": "platform"})
    assert asking.run("up", "--no-start", "--no-deps", "web") == 0
    (found,) = environments(asking).values()
    assert set(found) == EVERY
    assert "platform" in found.pop("NO_PROXY").split(",")
    assert "platform" in found.pop("no_proxy").split(",")
    assert set(found.values()) == {PROXY}


def test_images_are_built_by_the_engine_whatever_builder_is_chosen(
    project: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A builder in a container, as `docker buildx create --use` makes one; it is never started.
    created = ("buildx", "create", "--driver", "docker-container", "--use")
    builder = docker(*created).strip()
    monkeypatch.setenv("BUILDX_BUILDER", builder)
    tag = f"timestack-test/{uuid.uuid4().hex[:8]}"
    folder = project.root / "image"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM timestack/base\nLABEL made={tag}\n")
    try:
        build = ("docker", "build", "--progress=plain", "-t", tag, str(folder))
        images.run_build(Phase("images"), project, "one", build)
        assert images.image_id(tag)
    finally:
        docker("buildx", "rm", builder)
        subprocess.run(["docker", "rmi", "--force", tag], capture_output=True, check=False)


@contextmanager
def proxy(secrets: Path) -> Iterator[tuple[str, int]]:
    """A proxy with these secrets and nothing behind it: the container's name and its port."""
    port, name = free_port(), f"timestack-host-{uuid.uuid4().hex[:8]}"
    docker(
        *("run", "-d", "--name", name, "--restart=unless-stopped", "--init", "--read-only"),
        *("--label", "com.docker.compose.project=", "--tmpfs", "/tmp:mode=1777"),
        *("-v", f"{secrets}:/run/secrets:ro", "-p", f"127.0.0.1:{port}:8443"),
        *("-e", "TIMESTACK_DOMAIN=localhost", "-e", f"HTTPS_PORT={port}", image("traefik")),
    )
    try:
        yield name, port
    finally:
        docker("rm", "--force", name)


def served(port: int) -> str:
    """The certificate that is served at this moment; empty while there is none."""
    try:
        return ssl.get_server_certificate(("127.0.0.1", port), timeout=2).strip()
    except OSError:
        return ""


def test_the_proxy_takes_up_the_next_certificate_by_itself(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    certificates.ensure(secrets, domain="localhost")
    secrets.chmod(0o755)
    later = secrets / certificates.LATER
    text = later.read_text()
    successor = re.search(r"-----BEGIN.+?END CERTIFICATE-----", text, re.S)[0]
    # Due in a moment instead of in a year. Where the container takes longer than that to start, it
    # begins with the successor, which shows nothing: then once more, with more time.
    for seconds in (8, 30, 120):
        due = int(time.time()) + seconds
        later.unlink()
        later.write_text(re.sub(r"(# serve from) \d+", rf"\1 {due}", text, count=1))
        with proxy(secrets) as (name, port):
            wait_until(lambda at=port: served(at) == successor, "it is served", seconds + 60)
            restarts = int(docker("inspect", "--format", "{{.RestartCount}}", name))
        if restarts:
            break
    assert restarts == 1


def test_a_one_off_run_is_not_a_service_and_a_container_that_is_gone_is_left_out(
    project: Compose,
) -> None:
    assert project.run("up", "--no-start", "--no-deps", "redis") == 0
    label = f"com.docker.compose.project={project.project}"
    run = docker(
        *("create", "--label", label, "--label", "com.docker.compose.service=provision"),
        *("--label", "com.docker.compose.oneoff=True", "timestack/base"),
    ).strip()
    try:
        assert set(project.services()) == {"redis"}
    finally:
        docker("rm", run)
