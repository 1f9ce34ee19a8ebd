"""Forms and what is typed into them."""

from __future__ import annotations

import json

import pytest

from tests.attacker import HTML, JSON, forget_failures, in_place, patient, token_of
from tests.stack import ADMIN_EMAIL, PASSWORD, TOKEN_FIELD, Stack

pytestmark = pytest.mark.stack


def test_a_user_name_of_a_megabyte_is_refused(hostile: Stack) -> None:
    client = hostile.client()
    words = {"email": "a" * 1_000_000, "password": PASSWORD, "csrf_token": token_of(client)}
    for path in ("/login", "/register", "/recover"):
        answer = patient(lambda path=path: client.post(path, data=words))
        assert answer.status_code == 413, (path, answer.text[:300])
        # Below what a form may hold, it is a wrong name like any other.
        shorter = {**words, "email": "a" * 200_000}
        answer = in_place(patient(lambda p=path, w=shorter: client.post(p, data=w)), 200)
        assert len(answer.text) < 300_000
    forget_failures(hostile)


ODD_ADDRESSES = [
    "a\x00b@example.org",
    "nul@example.org\x00",
    "a\x07@example.org",
    "a\x7f@example.org",
    "a\r\nBcc: evil@example.org\r\n@example.org",
    "a\tb@example.org",
    "a\u202eb@example.org",
    "a\u200bb@example.org",
    "\u0430dmin@example.org",
    "\uff41\uff44\uff4d\uff49\uff4e@example.org",
    "adm\u0131n@example.org",
    "<script>alert(1)</script>@example.org",
    '"a b"@example.org',
    "a@[127.0.0.1]",
    "a@localhost",
    "a@example.org,evil@example.org",
    "a@" + "b." * 200 + "org",
    "not an address",
    "",
]


@pytest.mark.parametrize("address", ODD_ADDRESSES, ids=ascii)
def test_an_address_that_is_none_is_told_at_the_form(hostile: Stack, address: str) -> None:
    client = hostile.client()
    before = hostile.sql("select count(*) from users")
    words = {
        "email": address,
        "password": "a password of my own",
        "password_confirm": "a password of my own",
    }
    answer = in_place(patient(lambda: hostile.submit(client, "/register", words)), 200)
    assert "<script>alert" not in answer.text
    assert TOKEN_FIELD.search(answer.text), "the form is shown again"
    assert hostile.sql("select count(*) from users") == before
    for path in ("/login", "/recover"):
        send = lambda path=path: hostile.submit(client, path, words)  # noqa: E731
        in_place(patient(send), 200, 302)
    assert client.get("/account", headers=HTML).status_code == 302
    forget_failures(hostile)


def test_a_user_who_is_new_is_let_in_at_once_and_one_who_exists_is_not_given_away(
    hostile: Stack,
) -> None:
    words = {"password": "a password of my own", "password_confirm": "a password of my own"}
    client = hostile.client()
    new = {"email": "new@example.org", **words}
    in_place(patient(lambda: hostile.submit(client, "/register", new)), 302)
    in_place(client.get("/account"), 200)
    held = hostile.sql(
        "select r.name from users u join user_roles ur on ur.user_id = u.id"
        " join roles r on r.id = ur.role_id where u.email = 'new@example.org'"
    )
    assert held == [("viewer",)]
    for spelt in (
        "new@example.org",
        "NEW@EXAMPLE.ORG",
        "new@exampl\uff45.org",
        ADMIN_EMAIL.upper(),
    ):
        other = hostile.client()
        taken = {"email": spelt, **words}
        send = lambda o=other, t=taken: hostile.submit(o, "/register", t)  # noqa: E731
        answer = in_place(patient(send), 200)
        assert "This address is already registered" in answer.text
        assert other.get("/account", headers=HTML).status_code == 302
    forget_failures(hostile)


@pytest.mark.parametrize("letter", ["a", "é", "\U0001f511", "\x00"], ids=ascii)
def test_a_password_of_ten_thousand_characters_is_refused(hostile: Stack, letter: str) -> None:
    client, long = hostile.client(), letter * 10_000
    for address in ("viewer@example.org", "nobody@example.org"):
        words = {"email": address, "password": long}
        answer = in_place(patient(lambda w=words: hostile.submit(client, "/login", w)), 200)
        assert "password is wrong" in answer.text
    words = {"email": "long@example.org", "password": long, "password_confirm": long}
    answer = in_place(patient(lambda: hostile.submit(client, "/register", words)), 200)
    assert "12 to 128 characters" in answer.text
    assert hostile.sql("select count(*) from users where email = 'long@example.org'") == [("0",)]
    words = {"password": PASSWORD, "new_password": long, "new_password_confirm": long}
    answer = in_place(hostile.submit(hostile.viewer, "/account/password", words), 200)
    assert "12 to 128 characters" in answer.text
    forget_failures(hostile)


@pytest.mark.parametrize(
    "body",
    [
        [],
        [1],
        [["email", "a@example.org"]],
        1,
        1e400,
        "text",
        True,
        None,
        {},
        {"email": 1, "password": 2},
        {"email": ["viewer@example.org"], "password": ["x"]},
        {"email": "viewer@example.org", "password": {"$ne": None}},
        {"email": {"a": {"b": 1}}, "password": "x"},
        {"email": None, "password": None, "remember": [{}], "next": 1},
        {"email": "viewer@example.org\x00", "password": "\x00"},
        {"email": "\ud800@example.org", "password": "\ud800"},
    ],
    ids=ascii,
)
def test_json_of_another_shape_is_a_bad_request_at_the_forms(hostile: Stack, body: object) -> None:
    client = hostile.client()
    headers = {"X-CSRFToken": token_of(client), "Content-Type": "application/json", **JSON}
    sent = json.dumps(body)
    for path in ("/login", "/register", "/recover"):
        send = lambda path=path: client.post(path, content=sent, headers=headers)  # noqa: E731
        # Whether there is a user to recover is not shown: an object is answered alike.
        alike = [200] if path == "/recover" and isinstance(body, dict) else []
        in_place(patient(send), 400, *alike)
    forget_failures(hostile)
