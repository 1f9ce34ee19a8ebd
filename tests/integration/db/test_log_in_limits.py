"""Guessing passwords: strangers are held up, and none of them can keep the owner out.

The real application, twice, on one database and one Redis.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from redis import Redis
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.integration.db.conftest import Broker, Database, web_secrets
from tests.stack import PASSWORD, TOKEN_FIELD
from timestack.app import create_app
from timestack.auth import browsers, limits
from timestack.domains import users
from timestack.settings import Settings

pytestmark = pytest.mark.database

OWNER, OTHER = "owner@example.org", "other@example.org"
ADMIN = "admin@example.org"
# Few and for long: no test waits for many hashes, and none ends before its attempts are forgotten.
LIMITS = {"PER_ADDRESS": 6, "PER_USER": 3, "PER_ADDRESS_MAKING": 2}
PER_ADDRESS, PER_USER, PER_ADDRESS_MAKING = LIMITS.values()
AT_ONCE = 40
# Addresses that nothing was sent from before (RFC 2544).
fresh_address = map("198.18.{0[0]}.{0[1]}".format, (divmod(n, 250) for n in count())).__next__


@pytest.fixture(scope="module")
def database(make_database: Callable[[], Database]) -> Database:
    made = make_database()
    made.provision()
    return made


@pytest.fixture
def settings(database: Database, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the web; nothing is counted yet, and nobody has ever logged in."""
    for name, amount in LIMITS.items():
        monkeypatch.setattr(limits, name, f"{amount} per day")
    broker.redis.flushall()
    database.sql("delete from users")
    with Session(database.engine()) as session, session.begin():
        for email, role in ((OWNER, "viewer"), (OTHER, "viewer"), (ADMIN, "admin")):
            users.put(session, email, role, password=PASSWORD)
    address = {"redis_host": "127.0.0.1", "redis_port": broker.port}
    return database.settings("app", **web_secrets(database), **address)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    with running(settings) as made:
        yield made


@contextmanager
def running(settings: Settings, **changes: object) -> Iterator[Flask]:
    """An instance of the web."""
    made = create_app(settings.model_copy(update=changes))
    yield made
    made.extensions["engine"].dispose()


class Browser:
    """One browser at one address."""

    def __init__(self, app: Flask, address: str = "", cookies: FlaskClient | None = None):
        self.app = app
        self.client = app.test_client()
        self.address = address or fresh_address()
        if cookies is not None:
            name = app.config["KNOWN_BROWSER_COOKIE"]
            kept = cookies.get_cookie(name, domain="localhost")
            assert kept, "there is a cookie to take over"
            self.client.set_cookie(name, kept.value, domain="localhost", secure=True)

    def send(self, path: str, **words: str) -> TestResponse:
        form = self.client.get(path, base_url="https://localhost")
        token = TOKEN_FIELD.search(form.text)
        assert token, form.text
        return self.client.post(
            path,
            data={"csrf_token": token[1], **words},
            base_url="https://localhost",
            headers={"X-Forwarded-For": self.address},
        )

    def log_in(self, email: str, password: str = PASSWORD) -> int:
        return self.send("/login", email=email, password=password).status_code

    def log_in_by_json(self, email: str) -> int:
        form = self.client.get("/login", base_url="https://localhost").text
        return self.client.post(
            "/login",
            json={"email": email, "password": PASSWORD},
            base_url="https://localhost",
            headers={"X-CSRFToken": TOKEN_FIELD.search(form)[1], "X-Forwarded-For": self.address},
        ).status_code

    def forget(self) -> None:
        """End the log-in, as closing the browser does."""
        self.client.delete_cookie(self.app.config["SESSION_COOKIE_NAME"], domain="localhost")

    def change(self, now: str, new: str) -> int:
        words = {"password": now, "new_password": new, "new_password_confirm": new}
        return self.send("/account/password", **words).status_code


def hammer(app: Flask, email: str, attempts: int = PER_USER + 2) -> Counter[int]:
    """How attempts of strangers, each at an address of its own, were answered."""
    return Counter(Browser(app).log_in(email, "wrong") for _ in range(attempts))


@pytest.mark.parametrize("email", [OWNER, ADMIN])
def test_strangers_cannot_keep_the_owners_browser_out(app: Flask, email: str) -> None:
    home = Browser(app)
    assert home.log_in(email) == 302
    assert hammer(app, email) == {200: PER_USER, 429: 2}
    assert Browser(app).log_in(email) == 429, "a stranger has to wait, whatever they type"
    # On another day, at another address.
    assert Browser(app, cookies=home.client).log_in(email) == 302


def test_strangers_cannot_keep_the_owner_out_at_an_address_of_before(app: Flask) -> None:
    assert Browser(app, "192.0.2.7").log_in(OWNER) == 302
    hammer(app, OWNER)
    assert Browser(app, "192.0.2.7").log_in(OWNER) == 302
    # Whose address it is, is known of that user alone.
    hammer(app, OTHER)
    assert Browser(app, "192.0.2.7").log_in(OTHER) == 429


def test_a_stolen_cookie_of_a_known_browser_is_worth_a_handful_of_guesses(app: Flask) -> None:
    home = Browser(app)
    assert home.log_in(OWNER) == 302
    got = Counter(
        Browser(app, cookies=home.client).log_in(OWNER, "wrong") for _ in range(PER_USER + 2)
    )
    assert got == {200: PER_USER, 429: 2}
    # It says nothing of anybody else.
    hammer(app, OTHER)
    assert Browser(app, cookies=home.client).log_in(OTHER) == 429


def test_whoever_knew_the_old_password_is_a_stranger_after_the_change(app: Flask) -> None:
    thief, owner = Browser(app), Browser(app)
    assert thief.log_in(OWNER) == 302
    assert owner.log_in(OWNER) == 302
    new = "another pass phrase of mine"
    assert owner.change(PASSWORD, new) == 302
    hammer(app, OWNER)
    assert Browser(app, cookies=thief.client).log_in(OWNER, "wrong") == 429
    assert Browser(app, cookies=owner.client).log_in(OWNER, new) == 302


@pytest.mark.parametrize(("rotations", "known"), [(1, True), (2, False)])
def test_a_known_browser_stays_one_when_the_session_key_is_rotated(
    app: Flask, settings: Settings, rotations: int, known: bool
) -> None:
    home = Browser(app)
    assert home.log_in(OWNER) == 302
    keys = [SecretStr(f"{number}" * 40) for number in range(rotations)] + [settings.secret_key]
    with running(settings, secret_key=keys[0], secret_key_previous=keys[1]) as rotated:
        hammer(rotated, OWNER)
        assert (Browser(rotated, cookies=home.client).log_in(OWNER) == 302) is known


def test_a_browser_is_known_of_the_users_who_came_last(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsers, "MOST", 2)
    emails = [OWNER, OTHER, ADMIN]
    shared = Browser(app)
    for email in emails:
        assert shared.log_in(email) == 302
        shared.forget()
    for email in (emails[0], emails[-1]):
        hammer(app, email, PER_USER)
    assert Browser(app, cookies=shared.client).log_in(emails[0]) == 429
    assert Browser(app, cookies=shared.client).log_in(emails[-1]) == 302


def test_the_cookie_of_a_known_browser_is_for_this_host_alone_and_away_from_scripts(
    app: Flask,
) -> None:
    answer = Browser(app).send("/login", email=OWNER, password=PASSWORD)
    name = app.config["KNOWN_BROWSER_COOKIE"]
    assert name.startswith("__Host-")
    (cookie,) = [each for each in answer.headers.getlist("Set-Cookie") if each.startswith(name)]
    attributes = {part.strip() for part in cookie.split(";")[1:]}
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict", "Max-Age=31536000"} <= attributes
    assert OWNER not in cookie


def test_an_owner_who_is_a_stranger_gets_in_by_a_password_that_was_made(app: Flask) -> None:
    """A new browser at a new address, while somebody else is guessing."""
    hammer(app, OWNER)
    assert Browser(app).log_in(OWNER) == 429
    made = "Vq3-hX7_pL0zRk2m"
    with Session(app.extensions["engine"]) as session, session.begin():
        users.put(session, OWNER, "viewer", password=made, must_change=True)
    owner = Browser(app)
    assert owner.log_in(OWNER, made) == 302
    assert owner.change(made, PASSWORD) == 302
    assert hammer(app, OWNER, 2) == {429: 2}
    assert Browser(app, cookies=owner.client).log_in(OWNER) == 302


def test_an_address_may_guess_only_so_often_at_any_user(app: Flask) -> None:
    got = Counter(
        Browser(app, "192.0.2.66").log_in(f"nobody{number}@example.org", "wrong")
        for number in range(PER_ADDRESS + 2)
    )
    assert got == {200: PER_ADDRESS, 429: 2}
    # What it was refused has used up nothing of the users'.
    last = f"nobody{PER_ADDRESS + 1}@example.org"
    assert hammer(app, last, PER_USER) == {200: PER_USER}


def test_logging_in_uses_nothing_up(app: Flask, settings: Settings) -> None:
    office = fresh_address()
    assert Browser(app, office).log_in(OWNER) == 302
    # A script gets its answer as JSON, and no redirect.
    assert Browser(app, office).log_in_by_json(OTHER) == 200
    redis = Redis.from_url(settings.redis_url(limits.REDIS_DATABASE))
    counted = {key: redis.get(key) for key in redis.keys("*")}
    assert counted
    assert set(counted.values()) == {b"0"}, counted


def test_nobody_keeps_others_from_changing_their_password(app: Flask) -> None:
    office = fresh_address()
    one, other = Browser(app, office), Browser(app, office)
    assert one.log_in(OWNER) == 302
    assert other.log_in(OTHER) == 302
    new = "another pass phrase of mine"
    got = [one.change("not my password", new) for _ in range(PER_USER + 1)]
    assert got == [200] * PER_USER + [429]
    assert other.change(PASSWORD, new) == 302
    # Nor from logging in.
    assert Browser(app, office).log_in(OWNER) == 302


def test_no_more_users_are_made_from_an_address_than_the_limit_says(settings: Settings) -> None:
    with running(settings, registration=True) as app:
        got = Counter(
            Browser(app, "192.0.2.99")
            .send(
                "/register",
                email=f"made{number}@example.org",
                password=PASSWORD,
                password_confirm=PASSWORD,
            )
            .status_code
            for number in range(PER_ADDRESS_MAKING + 2)
        )
    assert got == {302: PER_ADDRESS_MAKING, 429: 2}


@pytest.mark.parametrize(
    ("email", "limit"), [("nobody{}@example.org", PER_ADDRESS), (OWNER, PER_USER)]
)
def test_of_many_guesses_at_once_no_more_are_tested_than_of_as_many_in_a_row(
    settings: Settings, email: str, limit: int
) -> None:
    with running(settings) as one, running(settings) as other, ThreadPoolExecutor(8) as pool:
        made = [Browser((one, other)[n % 2], "192.0.2.66") for n in range(AT_ONCE)]
        sent = [
            pool.submit(browser.log_in, email.format(number), "wrong")
            for number, browser in enumerate(made)
        ]
        got = Counter(each.result() for each in sent)
    assert got == {200: limit, 429: AT_ONCE - limit}
