"""Tokens without a database: their form, their rights, and how a request brings one."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from flask import Flask, g
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import Forbidden

from tests.served import SCHEMA
from tests.unit.web.conftest import person, signed_in
from timestack import logs
from timestack.auth import bearer, gate
from timestack.domains import tokens, users
from timestack.models.tokens import Token
from timestack.series import catalog

# A checksum of its own, and the same in each process that collects these tests.
TEXT = "tsk_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg37cCQ0"


def test_a_token_is_known_by_its_form_and_no_two_are_the_same() -> None:
    made = {tokens.new_text() for _ in range(1000)}
    assert len(made) == 1000
    for text in made:
        assert re.fullmatch("tsk_[0-9A-Za-z]{49}", text)
        assert tokens.is_text(text)


def test_the_checksum_is_the_crc_32_in_base_62() -> None:
    assert tokens.checksum("0" * 43) == "2CZclj"
    assert tokens.checksum("a") == "4GEHKN"


@given(place=st.integers(0, len(TEXT) - 1), other=st.sampled_from(tokens.ALPHABET))
def test_a_token_with_a_wrong_character_is_not_one(place: int, other: str) -> None:
    changed = TEXT[:place] + other + TEXT[place + 1 :]
    assert tokens.is_text(changed) == (changed == TEXT)


@pytest.mark.parametrize(
    "text",
    [
        *("", "tsk_", TEXT[:-1], TEXT + "0", TEXT[4:], TEXT.upper(), f" {TEXT}", f"{TEXT}\n"),
        *(f"{TEXT}\0", TEXT.replace("tsk_", "tsk-"), f"{TEXT}, {TEXT}", "tsk_" + "é" * 49),
        "tsk_" + "٣" * 49,
    ],
)
def test_nothing_else_is_one(text: str) -> None:
    assert not tokens.is_text(text)


def test_no_line_of_a_log_holds_a_token() -> None:
    # Without a digit or a capital it would not pass for a random text.
    for text in (TEXT, TEXT[:20], "tsk_" + "a" * 49):
        for line in (text, f"token={text}", f"GET /x?token={text}&y=1", f"Authorization: {text}"):
            assert text not in logs.masked(line)
            assert text[4:] not in logs.masked(line)


@pytest.mark.parametrize(("own", "role"), [*product(tokens.ROLES, users.ROLES)])
def test_a_token_may_what_its_role_says_and_nothing_above_it(own: str, role: str) -> None:
    order = list(tokens.ROLES).index(own) - users.ROLES.index(role)
    fault = tokens.refusal(Token(role=own), role)
    assert (fault is None) == (order >= 0)
    if fault:
        assert f"may only {tokens.DOES[own]}" in fault


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (f"Bearer {TEXT}", TEXT),
        (f"bearer {TEXT}", TEXT),
        (f"Token {TEXT}", TEXT),
        (f"TOKEN  {TEXT} ", TEXT),
        ("Bearer", ""),
        (f"Bearer {TEXT}, Bearer {TEXT}", f"{TEXT}, Bearer {TEXT}"),
        (TEXT, None),
        ("Basic dXNlcjpwYXNz", None),
        (f"Digest {TEXT}", None),
        ("", None),
    ],
)
def test_a_token_comes_by_either_scheme(
    make_app: Callable[..., Flask], given: str, found: str | None
) -> None:
    with make_app().test_request_context("/api/v1/jobs", headers={"Authorization": given}):
        assert bearer._given() == found


@pytest.mark.parametrize(
    "given",
    [
        *("Bearer", "Token ", "Bearer x", f"Bearer {TEXT[:-1]}", f"Bearer {TEXT}0"),
        *(f"Bearer {TEXT}, Bearer {TEXT}", f"Token {TEXT} {TEXT}", "Bearer " + "x" * 9_000),
        f"Bearer {TEXT[:-1]}é",
    ],
)
def test_a_token_that_is_malformed_is_refused_without_asking_the_database(
    make_app: Callable[..., Flask], given: str
) -> None:
    app = make_app()
    # Whoever is logged in as well.
    for client in (app.test_client(), signed_in(app)):
        answer = client.get("/api/v1/jobs", headers={"Authorization": given})
        assert answer.status_code == 401
        assert answer.content_type == "application/problem+json"
        assert "49 letters and digits" in answer.get_json()["detail"]
        assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="Timestack API", error=')


def test_a_page_knows_no_tokens(client) -> None:
    assert client.get("/", headers={"Authorization": "Bearer x"}).status_code == 200


def test_a_stranger_is_told_how_to_ask(stranger) -> None:
    answer = stranger.get("/api/v1/jobs")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Timestack API"'
    assert "token" in answer.get_json()["detail"]


def test_a_token_for_some_tables_may_use_no_other(make_app: Callable[..., Flask]) -> None:
    with make_app().test_request_context("/api/v1/series"):
        for token in (None, Token(tables=None), Token(tables=["readings", "usage"])):
            g.token = token
            bearer.may_use("readings")
        with pytest.raises(Forbidden, match="the table companies: it is for readings, usage alone"):
            bearer.may_use("companies")


def test_what_tokens_for_tables_may_ask_is_about_tables_that_there_are() -> None:
    assert {*gate.TABLES.values()} - {None} <= catalog.load(SCHEMA).loadable()


def test_a_token_in_a_form_is_offered_up_to_the_role_of_its_user(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()
    for role, offered in (("viewer", 1), ("editor", 2), ("admin", 3)):
        page = signed_in(app, person(role)).get("/account").text
        assert page.count("<option") == offered
    nobody = signed_in(app, person(roles=[])).get("/account")
    assert nobody.status_code == 403


def test_every_answer_of_the_api_says_what_is_left(make_app: Callable[..., Flask]) -> None:
    app = make_app(API_RATE="3/hour")
    client = signed_in(app)
    left = []
    for _ in range(3):
        answer = client.get("/api/v1/openapi.json")
        left.append(answer.headers["RateLimit-Remaining"])
        assert answer.headers["RateLimit-Limit"] == "3"
        assert 0 < int(answer.headers["RateLimit-Reset"]) <= 3600
        assert "Retry-After" not in answer.headers
    assert left == ["2", "1", "0"]
    answer = client.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.content_type) == (429, "application/problem+json")
    assert 0 < int(answer.headers["Retry-After"]) <= 3600 * 4 / 3 + 1
    assert answer.headers["RateLimit-Remaining"] == "0"
    # Pages are another matter, and so are others.
    assert client.get("/account").status_code == 200
    assert signed_in(app, person(id=2)).get("/api/v1/openapi.json").status_code == 200


def test_strangers_and_paths_without_a_view_count_for_their_address(
    make_app: Callable[..., Flask],
) -> None:
    client = make_app(API_RATE="2/hour").test_client()
    got = [client.get(path).status_code for path in ("/api/v1/jobs", "/api/v9", "/api/v9")]
    assert got == [401, 404, 429]


def test_a_token_that_ends_before_it_begins_cannot_be_made() -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    for end in (past, datetime.now(UTC) + timedelta(days=3651), datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(tokens.TokenError, match="3650 days"):
            tokens.make(None, person("viewer"), "x", "read", expires_at=end)


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "a\0b", "a\nb", "\ud800"])
def test_a_name_is_one_line_that_can_be_shown(name: str) -> None:
    with pytest.raises(tokens.TokenError, match="printable") as refused:
        tokens.make(None, person("viewer"), name, "read")
    assert refused.value.field == "name"


@pytest.mark.parametrize(
    ("role", "wanted", "fault"),
    [
        ("viewer", "write", "a token of theirs can be read."),
        ("editor", "admin", "a token of theirs can be read or write."),
        ("admin", "root", "Choose one of read, write, admin."),
    ],
)
def test_a_token_may_no_more_than_its_user(role: str, wanted: str, fault: str) -> None:
    with pytest.raises(tokens.TokenError, match=re.escape(fault)):
        tokens.make(None, person(role), "x", wanted)
