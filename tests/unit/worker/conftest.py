"""Settings of a worker, with secrets in a folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

PASSWORD = "p@ss/word:?#"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that Settings accept; on the port of its Redis nothing listens."""
    for name in ("redis_password", "db_app_password"):
        (tmp_path / name).write_text(PASSWORD + "\n")
    for name, value in {
        "SECRETS_DIR": str(tmp_path),
        "TIMESTACK_ENV": "test",
        "DATABASE_SSLMODE": "require",
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": "1",
        "WORKER_CONCURRENCY": "3",
    }.items():
        monkeypatch.setenv(name, value)
