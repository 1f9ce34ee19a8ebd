"""gunicorn with our configuration: it starts, or says why not before anything listens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WEB = ROOT / "services" / "web"
CONFIGURATION = "gunicorn.conf.py"
APP = "timestack.wsgi:app"
SCHEMA = ROOT / "services" / "timescaledb" / "schema" / "hypertables.yaml"


@pytest.fixture(autouse=True)
def schema(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of hypertables.yaml of the test's own."""
    copy = tmp_path / "hypertables.yaml"
    copy.write_text(SCHEMA.read_text())
    environment.setenv("SCHEMA_FILE", str(copy))
    environment.setenv("PYTHONPATH", str(WEB))
    return copy


def gunicorn() -> subprocess.CompletedProcess[str]:
    """`gunicorn --check-config`: everything up to the first fork."""
    return subprocess.run(
        [sys.executable, "-m", "gunicorn", "--check-config", "-c", CONFIGURATION, APP],
        cwd=WEB,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_starts_with_settings_and_secrets() -> None:
    ended = gunicorn()
    assert ended.returncode == 0, ended.stderr


def test_every_fault_of_the_settings_is_told_at_once(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("DATABASE_PORT", "none")
    environment.setenv("URL_PREFIX", "timestack/")
    (tmp_path / "secret_key").unlink()
    ended = gunicorn()
    assert ended.returncode == 1
    for name in ("DATABASE_PORT='none'", "URL_PREFIX='timestack/'", "secret_key is missing"):
        assert name in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_fault_of_hypertables_yaml_is_told_by_line_and_key(schema: Path) -> None:
    schema.write_text(schema.read_text().replace("chunk_interval: 90 days", "chunk_interval: x", 1))
    ended = gunicorn()
    assert ended.returncode == 1
    assert f"{schema}:" in ended.stderr
    assert "readings.chunk_interval" in ended.stderr
    assert "Traceback" not in ended.stderr
