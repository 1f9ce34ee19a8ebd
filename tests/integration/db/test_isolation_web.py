"""Two users over one pool: page, API and dashboard each show whoever asks their own rows alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from dash import Input, Output
from flask import Flask, jsonify
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.integration.db.conftest import Database, web_secrets
from tests.stack import TOKEN_FIELD
from timestack import db
from timestack.app import create_app
from timestack.domains import usage, users

pytestmark = pytest.mark.database

ACCOUNTS = ("studio-north", "studio-south")
PASSWORD = "correct horse battery staple"
THREADS, REQUESTS = 8, 2_400
BASE = "https://localhost"
UPDATE = "/dash/_dash-update-component"


@pytest.fixture(scope="module")
def app(make_database: Callable[[], Database]) -> Iterator[Flask]:
    """The real application on a database with two accounts, at most four connections."""
    database = make_database()
    database.provision()
    for account in ACCOUNTS:
        database.sql(
            "insert into usage (account, project, day)"
            f" select '{account}', '{account} ' || n, date '2026-01-01'"
            " from generate_series(1, 3) as n"
        )
    with Session(database.engine()) as session, session.begin():
        for account in ACCOUNTS:
            users.put(
                session, f"{account}@example.org", "viewer", password=PASSWORD, account=account
            )
        users.put(session, "nobody@example.org", "viewer", password=PASSWORD)
    # Nothing here needs Redis; the limits of the log-in count in memory without it.
    changes = {"database_pool_size": 2, "redis_host": "127.0.0.1", "redis_port": 1}
    settings = database.settings("app", **changes, **web_secrets(database))
    made = create_app(settings)
    made.config["WTF_CSRF_CHECK_DEFAULT"] = False

    def projects() -> list[str]:
        with db.session() as session:
            return usage.projects(session)

    made.add_url_rule("/page", "page", lambda: " | ".join(projects()))
    made.add_url_rule("/api/v1/projects", "api-projects", lambda: jsonify(projects()))
    dash = made.extensions["dash"]

    @dash.callback(Output("projects", "children"), Input("ask", "n_clicks"))
    def show(_: int) -> str:
        return " | ".join(projects())

    yield made
    made.extensions["engine"].dispose()
    database.close()


def log_in(app: Flask, email: str) -> FlaskClient:
    client = app.test_client()
    form = client.get("/login", base_url=BASE).text
    words = {"csrf_token": TOKEN_FIELD.search(form)[1], "email": email, "password": PASSWORD}
    assert client.post("/login", data=words, base_url=BASE).status_code == 302
    return client


def ask(client: FlaskClient, face: str) -> str:
    """What one face answers, as text."""
    if face == "dash":
        body = {
            "output": "projects.children",
            "outputs": {"id": "projects", "property": "children"},
            "inputs": [{"id": "ask", "property": "n_clicks", "value": 1}],
            "changedPropIds": ["ask.n_clicks"],
        }
        answer = client.post(UPDATE, json=body, base_url=BASE)
    else:
        path = {"page": "/page", "api": "/api/v1/projects"}[face]
        answer = client.get(path, base_url=BASE)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_thousands_of_mixed_requests_each_see_their_own_rows(app: Flask) -> None:
    emails = [f"{account}@example.org" for account in ACCOUNTS] + ["nobody@example.org"]
    cookies = {email: log_in(app, email) for email in emails}
    jars = {
        email: client.get_cookie(app.config["SESSION_COOKIE_NAME"], domain="localhost").value
        for email, client in cookies.items()
    }
    seen: Counter[tuple[str, str]] = Counter()
    faults: list[str] = []

    def work(number: int) -> None:
        chance = random.Random(number)
        client = app.test_client()
        for _ in range(REQUESTS // THREADS):
            email = chance.choice(emails)
            face = chance.choice(("page", "api", "dash"))
            client.set_cookie(
                app.config["SESSION_COOKIE_NAME"], jars[email], domain="localhost", secure=True
            )
            text = ask(client, face)
            shown = {account for account in ACCOUNTS if account in text}
            if shown != {email.removesuffix("@example.org")} & set(ACCOUNTS):
                faults.append(f"{face} showed {email} the rows of {sorted(shown)}")
            seen[email, face] += 1

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work, number) for number in range(THREADS)]:
            done.result()
    assert faults == []
    assert sum(seen.values()) == REQUESTS
    assert len(seen) == len(emails) * 3, "every user has asked every face"
