"""Tokens on the real application, database and Redis: what each lets in, and when no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import count

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.integration.db.conftest import SCHEMA_FILE, Broker, Database, web_secrets
from tests.stack import PASSWORD, TOKEN_FIELD, free_port
from timestack import db
from timestack.app import create_app
from timestack.auth import limits
from timestack.domains import tokens, users
from timestack.series import catalog

pytestmark = pytest.mark.database

BASE = "https://localhost"
# A user to whom things happen.
LEAVER = "leaver"
TOKENS, JOBS = "/api/v1/tokens", "/api/v1/jobs"
# What comes back of the rows that whoever asks may see.
PROJECTS = "/api/v1/usage/projects"
fresh_address = map("198.18.{0[0]}.{0[1]}".format, (divmod(n, 250) for n in count())).__next__


@pytest.fixture(scope="module")
def database(provisioned: Database) -> Database:
    for role in users.ROLES:
        provisioned.sql(
            f"insert into usage (account, project, day) values ('{role}s', 'of {role}s', now())"
        )
    return provisioned


@contextmanager
def running(database: Database, redis_port: int, **changes: object) -> Iterator[Flask]:
    """An instance of the web."""
    reach = {"redis_host": "127.0.0.1", "redis_port": redis_port}
    settings = database.settings("app", **web_secrets(database), **reach)
    made = create_app(settings.model_copy(update=changes))
    yield made
    made.extensions["engine"].dispose()


@pytest.fixture(scope="module")
def app(database: Database, broker: Broker) -> Iterator[Flask]:
    """The application with a user of each role, and one who is an administrator for now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCHEMA_FILE", str(SCHEMA_FILE))
        catalog.current.cache_clear()
        with running(database, broker.port) as made:
            with db.session() as session:
                for role in (*users.ROLES, LEAVER):
                    rights = "admin" if role == LEAVER else role
                    email, account = f"{role}@example.org", f"{role}s"
                    users.put(session, email, rights, password=PASSWORD, account=account)
            yield made
    catalog.current.cache_clear()


@pytest.fixture(autouse=True)
def afresh(app: Flask, broker: Broker, database: Database) -> None:
    """No token yet, and nothing is counted."""
    broker.redis.flushall()
    database.sql("truncate tokens")


@pytest.fixture(scope="module")
def log_in(app: Flask) -> Callable[[str], FlaskClient]:
    """Gives the browser of the user of a role, logged in."""
    return cache(partial(logged_in, app))


LogIn = Callable[[str], FlaskClient]


def make(role: str = "read", user: str = "admin", **more) -> str:
    """A new token of the user of a role."""
    with db.session() as session:
        owner = users.find(session, f"{user}@example.org")
        return tokens.make(session, owner, "x", role, **more)[0]


class Script:
    """What asks by a token, from an address."""

    def __init__(self, app: Flask, token: str, address: str = "", scheme: str = "Bearer"):
        self.client = app.test_client()
        self.headers = {
            "Authorization": f"{scheme} {token}",
            "X-Forwarded-For": address or fresh_address(),
        }

    def __call__(self, path: str = PROJECTS, method: str = "GET", **more) -> TestResponse:
        return self.client.open(path, method=method, base_url=BASE, headers=self.headers, **more)


def projects(answer: TestResponse) -> list[str]:
    return [each["project"] for each in answer.get_json()["items"]]


def status(app: Flask, token: str, *asked, **more) -> int:
    return Script(app, token)(*asked, **more).status_code


def logged_in(app: Flask, role: str) -> FlaskClient:
    client = app.test_client()
    form = client.get("/login", base_url=BASE).text
    words = {"email": f"{role}@example.org", "password": PASSWORD}
    words["csrf_token"] = TOKEN_FIELD.search(form)[1]
    assert client.post("/login", data=words, base_url=BASE).status_code == 302
    return client


def csrf(app: Flask, client: FlaskClient) -> dict[str, str]:
    name = app.config["SECURITY_CSRF_COOKIE_NAME"]
    return {"X-CSRFToken": client.get_cookie(name, domain="localhost").value, "Referer": BASE}


def refused(answer: TestResponse, status: int, text: str) -> None:
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert text in answer.get_json()["detail"]
    if status == 401:
        assert "error=invalid_token" in answer.headers["WWW-Authenticate"]


# Whose request it is


@pytest.mark.parametrize("scheme", ["Bearer", "Token"])
def test_a_token_shows_the_rows_of_its_user_and_nobody_else_s(app: Flask, scheme: str) -> None:
    for role in users.ROLES:
        answer = Script(app, make(user=role), scheme=scheme)()
        assert projects(answer) == [f"of {role}s"]


def test_the_token_decides_whose_request_it_is_whoever_is_logged_in(
    app: Flask, log_in: LogIn
) -> None:
    script = Script(app, make(user="viewer"))
    script.client = log_in("editor")
    assert projects(script()) == ["of viewers"]
    refused(script(JOBS), 403, "viewer@example.org does not have")
    script.headers["Authorization"] = f"Bearer {tokens.new_text()}"
    refused(script(), 401, "not known here")
    del script.headers["Authorization"]
    assert projects(script()) == ["of editors"]


def test_a_token_opens_no_page(app: Flask) -> None:
    assert Script(app, make("admin"))("/account").status_code == 401


def test_a_request_with_a_token_needs_no_csrf_token_and_one_with_a_cookie_does(
    app: Flask, log_in: LogIn
) -> None:
    client, job = log_in("admin"), {"kind": "rollups.refresh"}
    assert client.post(JOBS, json={"kind": "none"}, base_url=BASE).status_code == 400
    headers = csrf(app, client)
    assert (
        client.post(JOBS, json={"kind": "none"}, base_url=BASE, headers=headers).status_code == 422
    )
    script = Script(app, make("admin"))
    assert script(JOBS, "POST", json={"kind": "none"}).status_code == 422
    # Nor does a header that holds no token make a cookie enough.
    for given in ("Basic dXNlcjpwYXNz", "Bearer", f"Bearer {tokens.new_text()}"):
        answer = client.post(JOBS, json=job, base_url=BASE, headers={"Authorization": given})
        assert answer.status_code in (400, 401), given


# What it may


@pytest.mark.parametrize(
    ("role", "user", "reads", "changes", "administers"),
    [
        ("read", "admin", 200, 403, 403),
        ("write", "admin", 200, 404, 403),
        ("admin", "admin", 200, 404, 422),
        ("write", "editor", 200, 404, 403),
    ],
)
def test_a_token_may_what_its_role_says(
    app: Flask, role: str, user: str, reads: int, changes: int, administers: int
) -> None:
    script = Script(app, make(role, user))
    none = "00000000-0000-0000-0000-000000000000"
    assert script().status_code == reads
    assert script(f"{JOBS}/{none}/cancel", "POST").status_code == changes
    assert script(JOBS, "POST", json={"kind": "none"}).status_code == administers


def test_a_token_loses_what_its_user_loses(app: Flask) -> None:
    script = Script(app, make("admin", LEAVER))
    assert script(f"{TOKENS}?user=*").status_code == 200
    with db.session() as session:
        users.put(session, "leaver@example.org", "viewer")
    refused(script(f"{TOKENS}?user=*"), 403, "Only an administrator")
    refused(script(JOBS, "POST", json={}), 403, "leaver@example.org does not have")


def test_a_token_for_some_tables_reaches_no_others_and_nothing_else(app: Flask) -> None:
    script = Script(app, make("write", tables=["companies", "usage"]))
    for path in ("/api/v1/companies", "/api/v1/usage", PROJECTS, TOKENS, "/api/v1/openapi.json"):
        assert script(path).status_code == 200, path
    refused(script("/api/v1/sensors"), 403, "may not use the table sensors")
    assert script("/api/v1/companies/1").status_code == 404
    finances = script("/api/v1/companies/1/finances")
    assert finances.status_code == 403
    assert "the table finances" in finances.get_json()["message"]
    assert script("/api/v1/export/usage").status_code == 200
    refused(script("/api/v1/export/sensors"), 403, "may not use the table sensors")
    refused(script("/api/v1/series?table=readings"), 403, "may not use the table readings")
    for write in ("/api/v1/readings?table=readings", "/api/v2/write?bucket=readings"):
        answer = script(write, "POST", data="[]", content_type="application/json")
        assert answer.status_code == 403, answer.text
        assert "may not use the table readings" in answer.text
    for path in (JOBS, "/api/v1/files", "/api/v1/manifest", "/api/v1/alerts"):
        refused(script(path), 403, "for companies, usage alone")


# When it ends


def test_a_token_is_refused_from_the_moment_it_is_revoked(app: Flask) -> None:
    token = make()
    script, admin = Script(app, token), Script(app, make("admin"))
    assert script().status_code == 200
    [mine, _] = reversed(admin(TOKENS).get_json()["items"])
    assert admin(f"{TOKENS}/{mine['id']}", "DELETE").status_code == 204
    refused(script(), 401, "This token was revoked at ")
    assert admin(f"{TOKENS}/{mine['id']}", "DELETE").status_code == 404


def test_a_token_is_refused_from_the_moment_it_expires(app: Flask, database: Database) -> None:
    script = Script(app, make(expires_at=datetime.now(UTC) + timedelta(minutes=5)))
    assert script().status_code == 200
    database.sql("update tokens set expires_at = now()")
    refused(script(), 401, "This token expired at ")


def test_a_token_works_while_its_user_may_log_in(app: Flask, database: Database) -> None:
    token = make(user=LEAVER)
    email = "leaver@example.org"

    def change(**given) -> None:
        with db.session() as session:
            users.put(session, email, "viewer", **given)

    with db.session() as session:
        users.disable(session, email)
    refused(Script(app, token)(), 401, "may not log in any more")
    change()
    assert status(app, token) == 200
    change(password="Vq3-hX7_pL0zRk2m", must_change=True)
    refused(Script(app, token)(), 401, "must choose a password")
    # A new password leaves it as it is.
    change(password=PASSWORD)
    assert status(app, token) == 200
    database.sql(f"delete from users where email = '{email}'")
    refused(Script(app, token)(), 401, "not known here")


def test_what_ended_long_ago_is_deleted(app: Flask, database: Database) -> None:
    for _ in range(4):
        make()
    database.sql(
        "update tokens set revoked_at = now() - make_interval(days => d) from"
        " (select id, (row_number() over ())::int * 20 - 20 as d from tokens) as aged"
        " where aged.id = tokens.id and d > 0;"
        " update tokens set expires_at = now() - interval '31 days' where revoked_at is null"
    )
    with db.session() as session:
        assert tokens.prune(session) == 3
        assert len(tokens.listed(session, None)) == 0
    assert database.sql("select count(*) from tokens") == "1"


# What is kept of it


def test_the_last_use_is_known_and_written_once_a_minute(app: Flask, database: Database) -> None:
    script = Script(app, make(), "192.0.2.7")
    listed = script(TOKENS).get_json()["items"][0]
    assert listed["last_used_from"] == "192.0.2.7"
    assert listed["last_used_at"].endswith("Z")
    version = database.sql("select xmin from tokens")
    for _ in range(5):
        assert script().status_code == 200
    assert database.sql("select xmin from tokens") == version, "reading writes nothing"
    database.sql("update tokens set last_used_at = now() - interval '61 seconds'")
    script.headers["X-Forwarded-For"] = "192.0.2.8"
    assert script(TOKENS).get_json()["items"][0]["last_used_from"] == "192.0.2.8"


def test_the_database_holds_no_token(app: Flask, database: Database) -> None:
    text = make()
    assert database.sql("select digest from tokens") == rf"\x{tokens.digest(text).hex()}"
    assert text not in database.sql("select * from tokens")


# Made and listed over HTTP


def test_a_token_is_made_and_its_text_is_in_that_answer_alone(app: Flask, log_in: LogIn) -> None:
    client = log_in("viewer")
    end = (datetime.now(UTC) + timedelta(days=9)).isoformat(timespec="seconds")
    body = {"name": " telegraf ", "role": "read", "tables": ["usage"], "expires_at": end}
    answer = client.post(TOKENS, json=body, base_url=BASE, headers=csrf(app, client))
    assert answer.status_code == 201
    assert "no-store" in answer.headers["Cache-Control"]
    made = answer.get_json()
    text = made.pop("token")
    assert (made["name"], made["user"]) == ("telegraf", "viewer@example.org")
    assert status(app, text, TOKENS) == 200
    listed = client.get(TOKENS, base_url=BASE)
    assert text not in listed.text
    assert [each["id"] for each in listed.get_json()["items"]] == [made["id"]]


def test_an_administrator_sees_and_revokes_everybody_s(app: Flask) -> None:
    text = make(user="viewer")
    make(user="editor")
    admin, viewer = Script(app, make("admin")), Script(app, make(user="viewer"))

    def owners(query: str) -> list[str]:
        items = admin(f"{TOKENS}?user={query}").get_json()["items"]
        return sorted({each["user"].partition("@")[0] for each in items})

    assert owners("*") == ["admin", "editor", "viewer"]
    first = admin(f"{TOKENS}?user=*&limit=3")
    second = admin(first.headers["Link"].partition("<")[2].partition(">")[0].removeprefix(BASE))
    ids = [each["id"] for part in (first, second) for each in part.get_json()["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 4
    assert owners("Viewer@example.org") == ["viewer"]
    refused(admin(f"{TOKENS}?user=nobody@example.org"), 404, "no user nobody@")
    refused(viewer(f"{TOKENS}?user=*"), 403, "Only an administrator")
    refused(viewer(f"{TOKENS}?user=editor@example.org"), 403, "Only an administrator")
    first = admin(f"{TOKENS}?user=viewer@example.org").get_json()["items"][-1]
    assert admin(f"{TOKENS}/{first['id']}", "DELETE").status_code == 204
    assert status(app, text) == 401


def test_nobody_else_revokes_a_token_of_another(app: Flask) -> None:
    text = make(user="viewer")
    editor = Script(app, make("write", "editor"))
    with db.session() as session:
        id = tokens.find(session, text)[0].id
    refused(editor(f"{TOKENS}/{id}", "DELETE"), 404, f"no token {id}")
    assert editor(f"{TOKENS}/{2**63}", "DELETE").status_code == 404
    assert status(app, text) == 200


SOON = datetime.now(UTC) + timedelta(days=5)


@pytest.mark.parametrize(
    ("own", "wanted", "fault"),
    [
        ({"role": "read"}, {"role": "read"}, "may only read"),
        ({"role": "write"}, {"role": "admin"}, "may only read and write"),
        ({"role": "write", "tables": ["usage"]}, {"role": "read"}, "is for usage alone"),
        (
            {"role": "write", "tables": ["usage"]},
            {"role": "read", "tables": ["usage", "sensors"]},
            "is for usage alone",
        ),
        ({"role": "write", "expires_at": SOON}, {"role": "write"}, "expires at"),
        (
            {"role": "write", "expires_at": SOON},
            {"role": "read", "expires_at": (SOON + timedelta(1)).isoformat()},
            "expires at",
        ),
    ],
)
def test_a_token_makes_and_revokes_none_that_may_more(
    app: Flask, own: dict, wanted: dict, fault: str
) -> None:
    script = Script(app, make(**own))
    refused(script(TOKENS, "POST", json={"name": "y", **wanted}), 403, fault)
    given = {**wanted}
    if "expires_at" in given:
        given["expires_at"] = datetime.fromisoformat(given["expires_at"])
    other = make(**given)
    newest, oldest = (each["id"] for each in script(TOKENS).get_json()["items"])
    refused(script(f"{TOKENS}/{newest}", "DELETE"), 403, fault)
    assert status(app, other, TOKENS) == 200
    # Itself it may.
    assert script(f"{TOKENS}/{oldest}", "DELETE").status_code == 204
    assert script(TOKENS).status_code == 401


def test_a_token_makes_others_within_its_rights(app: Flask) -> None:
    script = Script(app, make("write", tables=["usage", "sensors"], expires_at=SOON))
    body = {"name": "y", "role": "read", "tables": ["usage"], "expires_at": SOON.isoformat()}
    answer = script(TOKENS, "POST", json=body)
    assert answer.status_code == 201
    assert status(app, answer.get_json()["token"], TOKENS) == 200


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"name": "a\0b"}, "/name"),
        ({"name": 1}, "/name"),
        ({"name": None}, "/name"),
        ({"role": "root"}, "/role"),
        ({"role": "write"}, "/role"),
        ({"tables": []}, "/tables"),
        ({"tables": ["users"]}, "/tables"),
        ({"tables": ["no'such"]}, "/tables"),
        ({"tables": "usage"}, "/tables"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59Z"}, "/expires_at"),
        ({"expires_at": "2030-01-01"}, "/expires_at"),
        ({"token": "mine"}, "/token"),
    ],
)
def test_what_is_wrong_with_a_new_token_is_named(
    app: Flask, log_in: LogIn, changed: dict, pointer: str
) -> None:
    client = log_in("viewer")
    body = {"name": "x", "role": "read", **changed}
    answer = client.post(TOKENS, json=body, base_url=BASE, headers=csrf(app, client))
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.get_json()["errors"]] == [pointer]
    assert ".." not in answer.get_json()["detail"]


def test_a_user_has_so_many_tokens_and_no_more(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST", 2)
    script = Script(app, make("write"))
    assert script(TOKENS, "POST", json={"name": "y", "role": "read"}).status_code == 201
    answer = script(TOKENS, "POST", json={"name": "z", "role": "read"})
    refused(answer, 409, "admin@example.org has 2 tokens already")


# How often


def test_each_token_and_each_user_has_a_limit_that_all_instances_count(
    database: Database, broker: Broker
) -> None:
    change = {"api_rate": "3/hour"}
    with (
        running(database, broker.port, **change) as one,
        running(database, broker.port, **change) as two,
    ):
        token = make()
        left = [Script(each, token)().headers["RateLimit-Remaining"] for each in (one, two, one)]
        assert left == ["2", "1", "0"]
        answer = Script(two, token)()
        refused(answer, 429, "Retry-After")
        assert 0 < int(answer.headers["Retry-After"]) <= 4800
        assert answer.headers["RateLimit-Limit"] == "3"
        # Another one of the same user counts by itself, and so does the user.
        assert status(two, make()) == 200
        assert logged_in(two, "admin").get(PROJECTS, base_url=BASE).status_code == 200


def test_guesses_are_limited_by_address_and_keep_nobody_out_who_was_there(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PER_ADDRESS", "3 per day")
    home, new = Script(app, make(), "192.0.2.1"), make()
    assert home().status_code == 200
    guess = Script(app, tokens.new_text(), "192.0.2.1")
    got = [guess().status_code for _ in range(5)]
    assert got == [401, 401, 401, 429, 429]
    answer = guess()
    refused(answer, 429, "wrong tokens")
    assert int(answer.headers["Retry-After"]) > 0
    # One that would be right is not tried either, unless it was in use there before.
    assert Script(app, new, "192.0.2.1")().status_code == 429
    assert Script(app, new, "192.0.2.1")().status_code == 429
    assert home().status_code == 200
    assert Script(app, new, "192.0.2.2")().status_code == 200


def test_without_redis_it_goes_on_and_counts_by_itself(database: Database) -> None:
    with running(database, free_port(), api_rate="2/hour") as app:
        token = make()
        assert [status(app, token) for _ in range(3)] == [200, 200, 429]
        guess = tokens.new_text()
        assert Script(app, guess, "192.0.2.1")().status_code == 401


# Made at the terminal


def test_a_token_is_printed_alone_and_explained_beside(
    command, database: Database, app: Flask, capsys: pytest.CaptureFixture
) -> None:
    capsys.readouterr()
    words = ("token", "editor@example.org", "--name=telegraf", "--role=write")
    assert command(database, *words, "--tables=readings,sensors", "--days=90") == 0
    text, explained = capsys.readouterr()
    assert tokens.is_text(text.removesuffix("\n"))
    for part in ("'telegraf'", "read and write", "only readings, sensors", "until 20"):
        assert part in explained
    assert status(app, text.strip(), "/api/v1/sensors") == 200
    assert command(database, *words) == 0
    assert "all tables, without an end" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nobody@example.org"], "there is no user nobody@example.org: make user"),
        (["viewer@example.org"], "a token of theirs can be read"),
        (["editor@example.org", "--tables=users"], "'users' is not one of companies, "),
        (["editor@example.org", "--days=4000"], "3650 days"),
        (["editor@example.org", "--name="], "Choose a name"),
    ],
)
def test_a_token_that_cannot_be_made_is_a_sentence(
    command, database: Database, words: list[str], says: str, capsys: pytest.CaptureFixture
) -> None:
    capsys.readouterr()
    assert command(database, "token", "--name=x", "--role=write", *words) == 2
    printed, err = capsys.readouterr()
    assert printed == ""
    assert says in err
    assert "Traceback" not in err
    assert database.sql("select count(*) from tokens") == "0"


# Made on the page


def fill(client: FlaskClient, **words: object) -> TestResponse:
    page = client.get("/account", base_url=BASE).text
    fields = {f"token-{name}": value for name, value in words.items()}
    fields["token-csrf_token"] = fields["csrf_token"] = TOKEN_FIELD.search(page)[1]
    return client.post("/account/tokens", data=fields, base_url=BASE, headers={"Referer": BASE})


def test_a_form_leads_to_the_page_that_shows_the_token_once(app: Flask, log_in: LogIn) -> None:
    client = log_in("editor")
    made = fill(client, name="telegraf", role="write", tables=["sensors"], until="")
    assert (made.status_code, made.location) == (303, "/account#tokens")
    (cookie,) = [each for each in made.headers.getlist("Set-Cookie") if "-once-" in each]
    assert cookie.startswith("__Host-")
    attributes = {part.strip() for part in cookie.split(";")[1:]}
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict", "Max-Age=60"} <= attributes
    thief = log_in("viewer")
    name, _, value = cookie.partition(";")[0].partition("=")
    thief.set_cookie(name, value, domain="localhost", secure=True)
    assert 'id="new-token"' not in thief.get("/account", base_url=BASE).text
    first = client.get("/account", base_url=BASE)
    text = first.text.partition('id="new-token">')[2].partition("<")[0]
    assert tokens.is_text(text)
    assert "tsk_" not in cookie
    assert "no-store" in first.headers["Cache-Control"]
    assert 'id="new-token"' not in client.get("/account", base_url=BASE).text
    assert status(app, text, "/api/v1/sensors") == 200


@pytest.mark.parametrize("cookie", ["", "x", "é", "gAAAAABk" + "A" * 100])
def test_a_forged_cookie_shows_nothing(app: Flask, log_in: LogIn, cookie: str) -> None:
    client = log_in("viewer")
    name = f"__Host-timestack-once-{app.config['SETTINGS'].https_port}"
    client.set_cookie(name, cookie, domain="localhost", secure=True)
    answer = client.get("/account", base_url=BASE)
    assert answer.status_code == 200
    assert 'id="new-token"' not in answer.text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"name": ""}, "Choose a name"),
        ({"role": "write"}, "Not a valid choice"),
        ({"tables": ["users"]}, "&#39;users&#39; is not"),
        ({"until": "2020-01-01"}, "3650 days ahead"),
        ({"until": "9999-12-31"}, "3650 days ahead"),
        ({"until": "soon"}, "Not a valid date"),
    ],
)
def test_what_is_wrong_with_the_form_is_beside_its_field(
    app: Flask, log_in: LogIn, database: Database, words: dict, says: str
) -> None:
    answer = fill(log_in("viewer"), **{"name": "mine", "role": "read", **words})
    assert answer.status_code == 200
    assert says in answer.text
    assert 'class="ts-more" open' in answer.text
    assert database.sql("select count(*) from tokens") == "0"


def test_a_form_from_elsewhere_makes_nothing(app: Flask, log_in: LogIn, database: Database) -> None:
    client = log_in("admin")
    words = {"token-name": "x", "token-role": "read"}
    assert client.post("/account/tokens", data=words, base_url=BASE).status_code == 400
    assert client.post("/account/tokens/1/revoke", base_url=BASE).status_code == 400
    assert database.sql("select count(*) from tokens") == "0"


def test_a_token_is_revoked_on_the_page_by_its_owner_alone(app: Flask, log_in: LogIn) -> None:
    text, owner, other = make(user="editor"), log_in("editor"), log_in("viewer")
    with db.session() as session:
        id = tokens.find(session, text)[0].id
    for client, says in (
        (other, "There is no such token"),
        (owner, "The token x was revoked"),
        (owner, "There is no such token"),
    ):
        field = TOKEN_FIELD.search(client.get("/account", base_url=BASE).text)[1]
        answer = client.post(
            f"/account/tokens/{id}/revoke", data={"csrf_token": field}, base_url=BASE,
            headers={"Referer": BASE}, follow_redirects=True,
        )  # fmt: skip
        assert says in answer.text
    assert status(app, text) == 401
