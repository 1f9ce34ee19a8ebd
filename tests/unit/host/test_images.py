"""When an image is built again, and what a build says meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.host import environment, images
from scripts.host.compose import Compose
from scripts.host.console import Phase


def tree(folder: Path) -> Path:
    (folder / "sub").mkdir()
    (folder / "Dockerfile").write_text("FROM timestack/base\n")
    (folder / "sub" / "run.sh").write_text("echo\n")
    return folder


def test_the_same_files_have_the_same_digest(tmp_path: Path) -> None:
    folder = tree(tmp_path)
    assert images.digest([folder], "below") == images.digest([folder], "below")


def test_a_change_of_content_name_mode_or_parent_changes_the_digest(tmp_path: Path) -> None:
    folder = tree(tmp_path)
    seen = {images.digest([folder], "below"), images.digest([folder], "another")}
    (folder / "sub" / "run.sh").chmod(0o755)
    seen.add(images.digest([folder], "below"))
    (folder / "sub" / "run.sh").write_text("exit\n")
    seen.add(images.digest([folder], "below"))
    (folder / "sub" / "run.sh").rename(folder / "sub" / "go.sh")
    seen.add(images.digest([folder], "below"))
    assert len(seen) == 5


def test_what_python_leaves_behind_does_not_change_the_digest(tmp_path: Path) -> None:
    folder = tree(tmp_path)
    before = images.digest([folder])
    (folder / "sub" / "__pycache__").mkdir()
    (folder / "sub" / "__pycache__" / "run.pyc").write_bytes(b"\0")
    assert images.digest([folder]) == before


def test_the_step_of_a_build_is_told_from_its_output() -> None:
    assert images.step_of("#12 [web dependencies 3/4] RUN pip install\n") == (
        "[web dependencies 3/4] RUN pip install"
    )
    assert images.step_of("#12 1.532 Collecting flask [extra]\n") is None
    assert images.step_of("#3 [web internal] load build definition\n") is None
    assert images.step_of("Collecting flask\n") is None


def test_the_community_image_is_the_one_given_else_built_where_a_registry_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = Path(__file__).resolve().parents[3]
    compose = Compose(root, environment.read(root / ".env.example"))
    ours, base, built = "timestack/timescaledb-community", "timescale/timescaledb-ha:pg17", []
    config = {"image": ours, "build": {"args": {"TIMESCALEDB_BASE": base}}}
    read = json.dumps({"services": {"timescaledb": config}})
    monkeypatch.setattr(Compose, "read", lambda *_: read)
    registry = {"manifest": ""}
    monkeypatch.setattr(images, "docker", lambda word, *_, **__: registry[word])
    monkeypatch.setattr(images, "image_id", lambda name: "")
    monkeypatch.setattr(images, "run_build", lambda *arguments: built.append(arguments[-1]))
    monkeypatch.delenv("TIMESCALEDB_IMAGE", raising=False)
    phase = Phase("community edition")
    assert images.community(compose, phase) == ""
    assert phase.result == f"not run: no registry answers for {base}"
    assert built == []
    registry["manifest"] = "{}"
    assert images.community(compose, phase) == ours
    assert [command[-2:] for command in built] == [("build", "timescaledb")]
    monkeypatch.setenv("TIMESCALEDB_IMAGE", "mine")
    assert images.community(compose, phase) == "mine"
    assert len(built) == 1
