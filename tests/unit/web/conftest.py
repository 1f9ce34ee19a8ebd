"""The real application; on the ports of its database and broker nothing listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.served import SCHEMA
from timestack.app import create_app
from timestack.auth.security import Person, Position

PASSWORD = "p@ss/word:?#" + "x" * 32


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Variables and secret files that Settings accept; set more of them before ``make_app``."""
    set_up(monkeypatch, tmp_path)
    return monkeypatch


def set_up(variables: pytest.MonkeyPatch, folder: Path) -> None:
    """Set what Settings accept; the secret files are written into a folder."""
    for name in ("db_app_password", "redis_password", "secret_key", "secret_key_previous"):
        (folder / name).write_text(PASSWORD + "\n")
    for name, value in {
        "SECRETS_DIR": str(folder),
        "SCHEMA_FILE": str(SCHEMA),
        "TIMESTACK_ENV": "test",
        "DATABASE_HOST": "127.0.0.1",
        "DATABASE_PORT": "1",
        "DATABASE_SSLMODE": "require",
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": "1",
    }.items():
        variables.setenv(name, value)


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


def person(role: str = "admin", **changes: object) -> Person:
    """Somebody with a role, as the database would give them."""
    known = {
        "id": 1,
        "email": f"{role}@example.org",
        "active": True,
        "fs_uniquifier": "x" * 64,
        "must_change_password": False,
        "login_count": 1,
        "roles": [Position(name=role)],
    }
    return Person(**{**known, **changes})


def signed_in(app: Flask, user: Person | None = None) -> FlaskClient:
    """A client whose every request is the user's, an administrator's by default.

    Log-ins are rows, and there is no database here: who it is comes by the hook that Flask-Login
    has for requests without a session. CSRF tokens need one, so they are not asked for; that they
    are is shown on the running stack.
    """
    who = user or person()
    app.login_manager.request_loader(lambda _: who)
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    return app.test_client()


@pytest.fixture
def stranger(make_app: Callable[..., Flask]) -> FlaskClient:
    """A client that is not logged in."""
    return make_app().test_client()


@pytest.fixture
def client(make_app: Callable[..., Flask]) -> FlaskClient:
    """The administrator's client."""
    return signed_in(make_app())


@pytest.fixture
def prefixed(make_app: Callable[..., Flask]) -> FlaskClient:
    """The administrator's, of the application under /timestack; its paths are a browser's."""
    return signed_in(make_app(URL_PREFIX="/timestack"))
