"""The real application, its database and broker being ports that nobody listens on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from timestack.app import create_app

PASSWORD = "p@ss/word:?#" + "x" * 32


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Variables and secret files that Settings accept; set more of them before ``make_app``."""
    for name in ("db_app_password", "redis_password", "secret_key"):
        (tmp_path / name).write_text(PASSWORD + "\n")
    for name, value in {
        "SECRETS_DIR": str(tmp_path),
        "TIMESTACK_ENV": "test",
        "DATABASE_HOST": "127.0.0.1",
        "DATABASE_PORT": "1",
        "DATABASE_SSLMODE": "require",
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def make_app(environment: pytest.MonkeyPatch) -> Iterator[Callable[..., Flask]]:
    """Make the application with variables of the environment: ``make_app(URL_PREFIX="/x")``."""
    made: list[Flask] = []

    def make(**variables: str) -> Flask:
        for name, value in variables.items():
            environment.setenv(name, value)
        made.append(create_app())
        return made[-1]

    yield make
    for app in made:
        app.extensions["engine"].dispose()


@pytest.fixture
def client(make_app: Callable[..., Flask]) -> FlaskClient:
    return make_app().test_client()


@pytest.fixture
def prefixed(make_app: Callable[..., Flask]) -> FlaskClient:
    """A client of the application under /timestack; its paths are those a browser sends."""
    return make_app(URL_PREFIX="/timestack").test_client()
