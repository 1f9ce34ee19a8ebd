"""`make deploy`: one version in the place of another, under load, and a broken one that goes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from scripts.host.production import CHECKS
from tests.deployed import UNHEALTHY, Deployed, deployed
from tests.steady import failed

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def copy() -> Iterator[Deployed]:
    with deployed(f"timestack-deploy-{os.getpid()}") as made:
        yield made


@pytest.fixture(scope="module")
def first(copy: Deployed) -> str:
    """The version that runs at first, brought up by a deploy of an empty host."""
    tag = copy.version("one")
    done = copy.deploy(tag)
    assert done.returncode == 0, done.stderr
    assert copy.webs == [tag, tag]
    return tag


def test_settings_that_are_only_convenient_are_refused_each_by_its_name(copy: Deployed) -> None:
    done = copy.make("deploy", TAG="none", ALLOW="bind-address no-such-name")
    assert done.returncode != 0
    settings = ("TIMESTACK_ENV=development", "ADMIN_EMAIL=", "TIMESTACK_DOMAIN=localhost")
    for text in (*settings, "ALLOW=admin-email deploys all the same", "ALLOW=no-such-name"):
        assert text in done.stderr
    assert "x BIND_ADDRESS" not in done.stderr
    assert "allowed: BIND_ADDRESS=127.0.0.1" in done.stderr
    assert "nothing was changed" in done.stderr
    assert copy.containers == []
    assert "certificate" in CHECKS


def test_images_that_are_not_there_are_refused(copy: Deployed) -> None:
    done = copy.deploy("no-such-tag")
    assert done.returncode != 0
    assert "timestack/web:no-such-tag: there is no such image" in done.stderr
    assert copy.containers == []


def test_a_version_takes_the_place_of_another_and_no_request_fails(
    copy: Deployed, first: str
) -> None:
    before = set(copy.containers)
    tag = copy.version("two")
    with copy.load() as load:
        done = copy.deploy(tag)
    assert done.returncode == 0, done.stderr
    assert copy.webs == [tag, tag]
    assert set(copy.tags("worker", "worker-long", "worker-forecast", "beat", "flower")) == {tag}
    # Their images are the same ones.
    assert copy.tags("traefik", "redis", "timescaledb", "pgadmin") == [first] * 4
    assert len(before & set(copy.containers)) >= 4
    assert len(load.answers) > 200
    assert failed(load.answers) == []
    settings = (copy.folder / ".env").read_text()
    assert f"TIMESTACK_TAG={tag}\nTIMESTACK_PREVIOUS={first}\n" in settings


def test_a_version_that_does_not_become_healthy_goes_and_no_request_fails(
    copy: Deployed, first: str
) -> None:
    served, settings = copy.webs, (copy.folder / ".env").read_text()
    broken = copy.version("broken", UNHEALTHY)
    with copy.load() as load:
        done = copy.deploy(broken, "--wait 12")
    assert done.returncode != 0
    assert "service web" in done.stderr
    assert "going back to" in done.stderr
    assert copy.webs == served
    assert broken not in copy.tags("worker", "beat", "flower")
    assert len(load.answers) > 100
    assert failed(load.answers) == []
    assert (copy.folder / ".env").read_text() == settings


def test_make_up_keeps_the_version_that_is_deployed(copy: Deployed, first: str) -> None:
    before = set(copy.containers)
    done = copy.make("up")
    assert done.returncode == 0, done.stderr
    assert len(before - set(copy.containers)) <= 1, "the provisioner's alone is another one"
