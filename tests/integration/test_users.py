"""Users on the running stack: the forms, the gate, the door, and what ends a log-in."""

from __future__ import annotations

import re
from urllib.parse import quote

import httpx
import pytest

from tests.stack import ADMIN_EMAIL, PASSWORD, Stack, ready_for_api, wait_until

pytestmark = pytest.mark.stack

DOORS = ("/pgadmin/", "/flower/", "/traefik/dashboard/")
BEHIND = {
    "/pgadmin/browser/": "pgAdmin",
    "/flower/": "Flower",
    "/traefik/dashboard/": "Traefik",
}
LINK = re.compile(r"https://\S+/recover/\S+")


def is_log_in(answer: httpx.Response, back: str) -> bool:
    """Whether the answer leads to the log-in form and from there to ``back``."""
    location = answer.headers.get("location", "")
    return answer.status_code == 302 and location.endswith(f"/login?next={quote(back, safe='')}")


def mails(stack: Stack) -> list[dict]:
    """What the simulated platform's mail server has got, oldest first."""
    code = (
        "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9000/mail').read().decode())"
    )
    done = stack.exec("platform", "python", "-c", code)
    assert done.returncode == 0, done.stderr
    return httpx.Response(200, content=done.stdout).json()


# The gate


@pytest.mark.parametrize("path", ["/dash/sensors", "/account", "/api/v1/jobs", *DOORS])
def test_a_stranger_is_let_in_nowhere(stack: Stack, path: str) -> None:
    answer = stack.visitor.get(path, headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"})
    if path.startswith("/api/"):
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
    else:
        assert is_log_in(answer, path), (answer.status_code, answer.headers)


@pytest.mark.parametrize("path", ["/dash/_dash-layout", "/dash/_dash-dependencies", *DOORS])
def test_a_script_is_told_401_and_not_sent_to_a_form(stack: Stack, path: str) -> None:
    answer = stack.visitor.get(path, headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.json()["request_id"]


def test_the_administrator_passes_every_door_with_one_log_in(stack: Stack) -> None:
    for path, words in BEHIND.items():
        answer = stack.http.get(path, follow_redirects=True)
        assert answer.status_code == 200, path
        assert words in answer.text, path


@pytest.mark.parametrize("path", DOORS)
def test_a_viewer_sees_why_a_door_stays_shut(stack: Stack, path: str) -> None:
    answer = stack.viewer.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert "role admin" in answer.text
    assert "viewer@example.org" in answer.text


def test_a_viewer_reads_and_starts_nothing(stack: Stack) -> None:
    assert stack.viewer.get("/dash/sensors").status_code == 200
    assert stack.viewer.get("/api/v1/jobs").status_code == 403
    answer = stack.viewer.post("/api/v1/jobs", json={"kind": "rollups.refresh"})
    assert answer.status_code == 403
    assert "role admin" in answer.json()["detail"]


def test_the_door_itself_opens_for_the_proxy_alone(stack: Stack) -> None:
    for headers in ({}, {"X-Forwarded-Uri": "/pgadmin/", "X-Forwarded-Method": "GET"}):
        answer = stack.http.get("/auth/pgadmin", headers=headers)
        assert answer.status_code == 404
        assert "x-pgadmin-webserver-secret" not in answer.headers


# Log in, log out


def test_logging_out_closes_every_door_also_for_a_copy_of_the_cookies(stack: Stack) -> None:
    client = stack.client()
    assert stack.http.get("/account").status_code == 200
    assert stack.log_in(client, ADMIN_EMAIL, PASSWORD).status_code == 302
    for path in BEHIND:
        assert client.get(path, follow_redirects=True).status_code == 200
    copied = {"Cookie": stack.cookies(client)}
    page = client.get("/account").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]
    answer = client.post("/logout", data={"csrf_token": token})
    assert answer.status_code == 302
    for headers in ({}, copied):
        for path in ("/account", *DOORS):
            page = client if not headers else stack.client()
            assert is_log_in(page.get(path, headers=headers), path), (path, headers)
    assert stack.http.get("/account").status_code == 200, "another browser's log-in stays"


def test_a_log_in_leads_where_the_person_wanted_to_go(stack: Stack) -> None:
    client = stack.client()
    assert stack.http
    closed = client.get("/dash/sensors?type=wind", headers={"Accept": "text/html"})
    form = closed.headers["location"].removeprefix(stack.url)
    answer = stack.submit(client, form, {"email": ADMIN_EMAIL, "password": PASSWORD})
    assert answer.status_code == 302
    assert answer.headers["location"].removeprefix(stack.url) == "/dash/sensors?type=wind"


@pytest.mark.parametrize(
    ("email", "password"),
    [(ADMIN_EMAIL, "wrong"), ("nobody@example.org", PASSWORD)],
    ids=["wrong password", "unknown address"],
)
def test_a_failed_log_in_does_not_show_what_was_wrong(
    stack: Stack, email: str, password: str
) -> None:
    answer = stack.log_in(stack.client(), email, password)
    assert answer.status_code == 200
    assert "The e-mail address or the password is wrong." in answer.text
    assert "does not exist" not in answer.text


def test_the_cookie_is_for_this_host_alone_and_remembers_only_when_asked(stack: Stack) -> None:
    for words, lasts in (({}, False), ({"remember": "y"}, True)):
        client = stack.client()
        answer = stack.log_in(client, ADMIN_EMAIL, PASSWORD, **words)
        name = f"__Host-timestack-{stack.https_port}="
        cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(name))
        attributes = {part.strip() for part in cookie.split(";")}
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= attributes
        assert not any(part.startswith("Domain") for part in attributes)
        assert any(part.startswith("Expires") for part in attributes) is lasts


def test_log_ins_are_counted_and_the_one_before_is_shown(stack: Stack) -> None:
    client = stack.user("counted@example.org", "viewer")
    before = counted(stack)
    assert stack.log_in(stack.client(), "counted@example.org", PASSWORD).status_code == 302
    assert counted(stack) == before + 1
    assert "<time" in client.get("/account").text


def counted(stack: Stack) -> int:
    return int(stack.sql("select login_count from users where email = 'counted@example.org'")[0][0])


def test_passwords_are_kept_as_argon2id(stack: Stack) -> None:
    assert stack.http
    kept = stack.sql("select distinct split_part(password, '$', 2) from users")
    assert kept == [("argon2id",)]


# Passwords


def test_a_first_password_opens_nothing_but_the_form_that_changes_it(stack: Stack) -> None:
    done = stack.provision("user", "fresh@example.org", "--role", "admin")
    first = re.search(r"first password (\S+)", done.stdout)[1]
    client = stack.client()
    assert stack.log_in(client, "fresh@example.org", first).status_code == 302
    for path in ("/dash/sensors", "/account", *DOORS):
        answer = client.get(path, headers={"Accept": "text/html"})
        assert answer.headers.get("location", "").endswith("/account/password"), path
    assert ready_for_api(client).get("/api/v1/jobs").status_code == 403
    stack.provision("user", "fresh@example.org", "--disable")


def test_a_new_password_ends_the_log_ins_of_other_browsers(stack: Stack) -> None:
    here = stack.user("changes@example.org", "viewer")
    there = stack.client()
    assert stack.log_in(there, "changes@example.org", PASSWORD).status_code == 302
    new = "another pass phrase of mine"
    words = {"password": PASSWORD, "new_password": new, "new_password_confirm": new}
    assert stack.submit(here, "/account/password", words).status_code == 302
    assert here.get("/account").status_code == 200
    assert is_log_in(there.get("/account"), "/account")
    assert stack.log_in(stack.client(), "changes@example.org", PASSWORD).status_code == 200


@pytest.mark.parametrize(
    ("password", "message"),
    [("short", "12 to 128 characters"), ("x" * 10_000, "12 to 128 characters")],
)
def test_a_password_of_the_wrong_length_is_refused_as_such(
    stack: Stack, password: str, message: str
) -> None:
    words = {"email": "long@example.org", "password": password, "password_confirm": password}
    answer = stack.submit(stack.client(), "/register", words)
    assert answer.status_code == 200
    assert message in answer.text


def test_a_user_who_registers_is_a_viewer(stack: Stack) -> None:
    client = stack.client()
    email = "Registered@Example.org"
    words = {"email": email, "password": PASSWORD, "password_confirm": PASSWORD}
    assert stack.submit(client, "/register", words).status_code == 302
    assert client.get("/dash/sensors").status_code == 200
    assert client.get("/traefik/", headers={"Accept": "text/html"}).status_code == 403
    again = stack.submit(stack.client(), "/register", {**words, "email": email.lower()})
    assert again.status_code == 200
    assert "This address is already registered" in again.text


def test_a_forgotten_password_is_replaced_by_way_of_a_mail(stack: Stack) -> None:
    stack.user("forgets@example.org", "viewer")
    client = stack.client()
    for email in ("forgets@example.org", "nobody@example.org"):
        answer = stack.submit(client, "/recover", {"email": email})
        assert answer.status_code in (200, 302), "the answer is the same for an unknown address"
    sent = wait_until(
        lambda: [mail for mail in mails(stack) if "forgets@example.org" in str(mail["to"])],
        "the mail has come",
    )
    assert not [mail for mail in mails(stack) if "nobody@" in str(mail["to"])]
    link = LINK.search(sent[-1]["text"])[0].removeprefix(stack.url)
    new = "remembered from now on"
    words = {"password": new, "password_confirm": new}
    assert stack.submit(client, link, words).status_code == 302
    assert stack.log_in(stack.client(), "forgets@example.org", new).status_code == 302
    used = stack.client().get(link, follow_redirects=True)
    assert "password_confirm" not in used.text, "a link works once"


def test_a_disabled_user_is_out_at_once_and_stays_out(stack: Stack) -> None:
    client = stack.user("leaves@example.org", "editor")
    assert client.get("/account").status_code == 200
    stack.provision("user", "leaves@example.org", "--disable")
    assert is_log_in(client.get("/account"), "/account")
    assert stack.log_in(stack.client(), "leaves@example.org", PASSWORD).status_code == 200


# Cross-site requests


def test_a_request_without_the_pages_token_changes_nothing(stack: Stack) -> None:
    without = {"X-CSRFToken": ""}
    for path, body in (
        ("/api/v1/jobs", {"kind": "rollups.refresh"}),
        ("/dash/_dash-update-component", {"output": "page.children"}),
    ):
        answer = stack.http.post(path, json=body, headers={**without, "Accept": "application/json"})
        assert answer.status_code == 400, path
        assert "CSRF" in answer.json()["detail"]
    assert stack.http.post("/logout", headers=without).status_code == 400
    assert stack.http.get("/account").status_code == 200
