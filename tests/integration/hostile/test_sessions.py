"""Whose request it is: sessions, CSRF tokens, other sites."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.attacker import HTML, JSON, in_place, patient, problem, session_of, token_of
from tests.stack import PASSWORD, Stack

pytestmark = pytest.mark.stack


def test_a_session_from_before_the_log_in_is_worth_nothing_after_it(hostile: Stack) -> None:
    victim = hostile.client()
    token_of(victim)
    name, before = session_of(hostile, victim)
    assert before
    send = lambda: hostile.log_in(victim, "viewer@example.org", PASSWORD)  # noqa: E731
    assert patient(send).status_code == 302
    _, first = session_of(hostile, victim)
    assert first != before
    attacker = hostile.client()
    page = attacker.get("/account", headers={**HTML, "Cookie": f"{name}={before}"})
    assert page.status_code == 302
    # Another log-in in the same browser is another one: what was known of the first is over.
    token = victim.get("/account", headers={"Cookie": f"{name}={first}"})
    assert token.status_code == 200
    again = hostile.client()
    again.cookies.set(name, before, domain="localhost.local")
    send = lambda: hostile.log_in(again, "viewer@example.org", PASSWORD)  # noqa: E731
    assert patient(send).status_code == 302
    assert session_of(hostile, again)[1] not in (before, first)


def test_a_cookie_that_is_planted_or_altered_is_ignored(hostile: Stack) -> None:
    name, value = session_of(hostile, hostile.viewer)
    assert value
    head, _, tail = value.rpartition(".")
    planted = [
        "x",
        "",
        head,
        f"{head}.{'A' * len(tail)}",
        value[:-2],
        "eyJfdXNlcl9pZCI6IjEifQ.aAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ".eJ" + "A" * 3000,
    ]
    for cookie in planted:
        answer = hostile.raw("GET", "/account", {**HTML, "Cookie": f"{name}={cookie}"})
        assert answer.status == 302, cookie[:40]
    # Nor does the right value under another name count.
    for other in (name.removeprefix("__Host-"), "session", "remember_token", name.lower() + "x"):
        answer = hostile.raw("GET", "/account", {**HTML, "Cookie": f"{other}={value}"})
        assert answer.status == 302, other


def test_logging_out_ends_the_log_in_also_for_a_copy_of_its_cookie(hostile: Stack) -> None:
    client = hostile.client()
    send = lambda: hostile.log_in(client, "viewer@example.org", PASSWORD)  # noqa: E731
    assert patient(send).status_code == 302
    name, value = session_of(hostile, client)
    form = {"csrf_token": token_of(client, "/account/password")}
    password = {"password": PASSWORD, "new_password": "x" * 20, "new_password_confirm": "x" * 20}
    assert in_place(client.post("/logout", data=form), 302)
    for cookie in (f"{name}={value}", hostile.cookies(client)):
        shown = hostile.raw("GET", "/account", {**HTML, "Cookie": cookie})
        assert shown.status == 302
        # The form that was open before does nothing more.
        replay = hostile.visitor.post(
            "/account/password", data={**form, **password}, headers={"Cookie": cookie}
        )
        in_place(replay, 401)
    send = lambda: hostile.log_in(hostile.client(), "viewer@example.org", PASSWORD)  # noqa: E731
    assert patient(send).status_code == 302, "the password is what it was"


def test_no_form_is_taken_without_its_token_or_with_that_of_another_session(hostile: Stack) -> None:
    others = token_of(hostile.client())
    words = {
        "email": "viewer@example.org",
        "password": PASSWORD,
        "password_confirm": PASSWORD,
        "new_password": "x" * 20,
        "new_password_confirm": "x" * 20,
    }
    crossing = {"Origin": "https://evil.example", "Referer": "https://evil.example/form"}
    for path in ("/login", "/register", "/recover", "/logout", "/account/password"):
        closed = path == "/account/password"
        client = hostile.viewer if closed or path == "/logout" else hostile.client()
        token_of(client, path if path != "/logout" else "/account/password")
        bare = {name: value for name, value in client.headers.items() if name != "x-csrftoken"}
        for more in ({}, {"csrf_token": others}, {"csrf_token": ""}, {"csrf_token": "a.b.c"}):
            for headers in ({}, crossing):
                sent = httpx.Request(
                    "POST",
                    hostile.url + path,
                    data={**words, **more},
                    headers={**bare, **headers, "Cookie": hostile.cookies(client), **HTML},
                )
                in_place(patient(lambda sent=sent: hostile.visitor.send(sent)), 400)
    assert hostile.viewer.get("/account").status_code == 200, "nobody was logged out"


def test_scripts_of_another_site_cannot_call_the_api_or_a_callback(hostile: Stack) -> None:
    cookie = hostile.cookies(hostile.http)
    right = hostile.http.headers["X-CSRFToken"]
    others = hostile.viewer.headers["X-CSRFToken"]
    calls = {"/api/v1/jobs": {"kind": "none"}, "/dash/_dash-update-component": {"output": "none"}}
    before = hostile.sql("select count(*) from jobs")
    for path, body in calls.items():
        for token in (None, "", "x", others, right[:-2]):
            headers = {"Cookie": cookie, **JSON, "Origin": "https://evil.example"}
            if token is not None:
                headers["X-CSRFToken"] = token
            document = problem(hostile.visitor.post(path, json=body, headers=headers), 400)
            assert "CSRF" in document.get("detail", ""), document
        # A form of another site cannot set the header, nor can it say that it sends JSON.
        headers = {"Cookie": cookie, "Content-Type": "text/plain", **JSON}
        problem(hostile.visitor.post(path, content=json.dumps(body), headers=headers), 400)
    assert hostile.sql("select count(*) from jobs") == before
    # With the token, the same call is judged by what it asks.
    problem(hostile.http.post("/api/v1/jobs", json={"kind": "none"}), 422)


@pytest.mark.parametrize("path", ["/login", "/", "/account"])
def test_no_other_site_may_read_our_answers_or_show_them_in_a_frame(
    hostile: Stack, path: str
) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        answer = hostile.http.request(method, path, headers=headers)
        assert "access-control-allow-origin" not in answer.headers
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    cached = hostile.visitor.get(path).headers["cache-control"]
    assert "no-store" in [part.strip() for part in cached.split(",")], cached


def test_what_is_wrong_with_a_request_of_the_api_is_told_in_a_problem(hostile: Stack) -> None:
    sent = {"headers": {"Content-Type": "application/json"}}
    for who in (hostile.http, hostile.visitor):
        for method in ("PUT", "PATCH", "DELETE", "TRACE", "BREW"):
            answer = who.request(method, "/api/v1/jobs")
            problem(answer, 405)
            assert set(answer.headers["allow"].replace(" ", "").split(",")) >= {"GET", "POST"}
    problem(hostile.visitor.post("/api/v1/jobs", json={"kind": "none"}), 401)
    for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=x"):
        headers = {"Content-Type": kind}
        problem(hostile.http.post("/api/v1/jobs", content=b"{}", headers=headers), 415)
    for body in (b"", b"{", b"\xff\xfe", b'{"kind": NaN', b"[" * 100_000):
        problem(hostile.http.post("/api/v1/jobs", content=body, **sent), 400)
    cookies, token = hostile.cookies(hostile.http), hostile.http.headers["X-CSRFToken"]
    headers = {"Cookie": cookies, "X-CSRFToken": token, "Content-Type": "application/json"}
    answer = hostile.raw("POST", "/api/v1/jobs", headers, b'"' + b"a" * 3_000_000 + b'"')
    assert answer.status == 413
    document = json.loads(answer.text)
    assert document["request_id"] == answer.getheader("X-Request-Id")
    for who in (hostile.http, hostile.visitor):
        for method in ("DELETE", "PUT"):
            shown = in_place(who.request(method, "/login", headers=HTML), 405)
            assert shown.headers["content-type"].startswith("text/html")
