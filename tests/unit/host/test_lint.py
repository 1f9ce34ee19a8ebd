"""What `make lint` looks at beside Python: every Dockerfile, every Compose file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from scripts.host import lint, tools

ROOT = Path(__file__).resolve().parents[3]
GOOD = (
    "FROM debian:trixie-slim\nUSER 10001:10001\nHEALTHCHECK NONE\n",
    """\
services:
  web:
    image: timestack/web
    user: "10001:10001"
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    deploy: {resources: {limits: {memory: 64m, cpus: "1", pids: 64}}}
""",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one good Dockerfile and one good Compose file, with our rules and tools."""
    for name in (".hadolint.yaml", lint.RULES):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / tools.TESTS.folder).symlink_to(ROOT / tools.TESTS.folder)
    (tmp_path / "compose").mkdir()
    (tmp_path / "services" / "web").mkdir(parents=True)
    (tmp_path / "services" / "web" / "Dockerfile").write_text(GOOD[0])
    (tmp_path / "compose" / "compose.yaml").write_text(GOOD[1])
    return tmp_path


def test_good_files_pass(project: Path) -> None:
    assert lint.dockerfiles(project) == 0
    assert lint.compose_files(project) == 0


def test_a_fault_in_any_dockerfile_is_found(project: Path) -> None:
    (project / "services" / "web" / "Dockerfile.tools").write_text("FROM debian:latest\nRUN cd /\n")
    assert lint.dockerfiles(project) != 0


def test_every_kind_of_dockerfile_is_looked_at_but_not_what_others_wrote(tmp_path: Path) -> None:
    names = ["Dockerfile", "web/Dockerfile.dev", "web/tools.Dockerfile"]
    others = ["web/Dockerfile.dockerignore", "node_modules/x/Dockerfile", ".venv/x/Dockerfile"]
    for name in [*names, *others, "build/Dockerfile", "web/notes.md"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {str(file.relative_to(tmp_path)) for file in lint.find_dockerfiles(tmp_path)}
    assert found == set(names)


def test_a_service_that_may_write_its_root_is_found(
    project: Path, capfd: pytest.CaptureFixture
) -> None:
    file = project / "compose" / "compose.yaml"
    file.write_text(file.read_text().replace("    read_only: true\n", ""))
    assert lint.compose_files(project) != 0
    assert "CL-0007" in capfd.readouterr().err


def test_an_overlay_is_judged_merged_into_the_stack(
    project: Path, capfd: pytest.CaptureFixture
) -> None:
    overlay = project / "compose" / "dev.yaml"
    overlay.write_text("services: {web: {environment: {DEBUG: '1'}}}\n")
    assert lint.compose_files(project) == 0
    overlay.write_text("services: {web: {volumes: ['/var/run/docker.sock:/s']}}\n")
    assert lint.compose_files(project) != 0
    output = capfd.readouterr().err
    assert "compose.yaml with dev.yaml" in output
    assert "CL-0001" in output


def test_what_compose_itself_refuses_is_found(project: Path, capfd: pytest.CaptureFixture) -> None:
    file = project / "compose" / "compose.yaml"
    file.write_text(file.read_text().replace("read_only: true", "read_only: true\n    colour: red"))
    assert lint.compose_files(project) != 0
    assert "colour" in capfd.readouterr().err


def test_without_an_engine_the_schema_is_said_not_to_be_checked(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(project))
    assert lint.compose_files(project) == 0
    assert "was not run" in capfd.readouterr().err


class Loader(yaml.SafeLoader):
    """YAML with the tags that Compose adds, such as `!reset`, which take something away."""


Loader.add_multi_constructor("!", lambda loader, tag, node: None)


def test_every_service_runs_an_image_that_is_built_here() -> None:
    """Why the linters' rules on tags are off (.compose-lint.yml, .hadolint.yaml)."""
    images = {
        service["image"]
        for file in (ROOT / "compose").glob("*.yaml")
        for service in (Loader(file.read_text()).get_single_data().get("services") or {}).values()
        if "image" in service
    }
    assert images
    assert {image for image in images if not image.startswith("timestack/")} == set()
