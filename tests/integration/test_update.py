"""`make update` knows what is newer, and puts images back when the new ones fail."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.host import images, update
from tests.stack import docker

# An image whose package manager believes that it has tzdata of long ago.
OLD = """
FROM timestack/base
RUN sed -i '/^Package: tzdata$/,/^$/s/^Version: .*/Version: 2020a-0/' /var/lib/dpkg/status
"""
NAME = f"timestack/test-update-{uuid.uuid4().hex[:8]}"


def build(text: str) -> str:
    command = ("docker", "build", "--quiet", "-t", NAME, "-")
    subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return images.image_id(NAME)


@pytest.fixture
def old() -> Iterator[str]:
    yield build(OLD)
    docker("image", "rm", "--force", NAME)


@pytest.fixture
def compose(tmp_path: Path) -> SimpleNamespace:
    (tmp_path / "build").mkdir()
    (tmp_path / images.STAMP).write_text("{}")
    return SimpleNamespace(root=tmp_path)


def test_a_package_that_the_distribution_has_newer_is_found(old: str) -> None:
    assert "tzdata" in update._newer([NAME], SimpleNamespace())
    has = update._installed([old])
    assert has["tzdata"] == {"2020a-0"}
    now = update._installed([images.image_id("timestack/base")])
    (change,) = update._changes(has, now)
    assert change[:2] == ("tzdata", "2020a-0")


def build_and_fail(compose: SimpleNamespace, old: str) -> None:
    with update._kept(compose, {NAME: old}):
        assert build("FROM timestack/base\nLABEL new=1\n") != old
        (compose.root / images.STAMP).write_text("of the new one")
        (compose.root / images.UPDATED).write_text("1\n")
        raise RuntimeError


def test_images_that_could_not_be_built_or_started_are_put_back(
    old: str, compose: SimpleNamespace
) -> None:
    with pytest.raises(RuntimeError):
        build_and_fail(compose, old)
    assert images.image_id(NAME) == old
    assert (compose.root / images.STAMP).read_text() == "{}"
    assert not (compose.root / images.UPDATED).exists()
    docker("image", "rm", update._tagged(NAME))


def test_the_ones_before_stay_until_the_next_time(old: str, compose: SimpleNamespace) -> None:
    with update._kept(compose, {NAME: old}):
        new = build("FROM timestack/base\nLABEL new=1\n")
    assert images.image_id(NAME) == new
    assert images.image_id(update._tagged(NAME)) == old
    with update._kept(compose, {NAME: new}):
        build("FROM timestack/base\nLABEL new=2\n")
    assert images.image_id(update._tagged(NAME)) == new
    # Nothing has a name for it, so the disk has it back.
    assert images.image_id(old) == ""
    docker("image", "rm", update._tagged(NAME))
