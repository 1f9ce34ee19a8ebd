"""Where somebody claims to come from, and to be going: forwarding headers."""

from __future__ import annotations

import re

import pytest

from tests.attacker import HTML, in_place, link_mailed, location, patient, raw, statuses, token_of
from tests.stack import PASSWORD, Stack, wait_until

pytestmark = pytest.mark.stack

FORWARDED = [
    {"X-Forwarded-For": "203.0.113.7"},
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Proto": "http"},
    {"X-Forwarded-Prefix": "/evil"},
    {"X-Forwarded-Port": "666"},
    {"X-Forwarded-Server": "evil.example", "X-Real-Ip": "203.0.113.7"},
    {"Forwarded": "for=203.0.113.7;host=evil.example;proto=http"},
    {"X-Script-Name": "/evil", "Script-Name": "/evil"},
    {"X-Scheme": "http", "X-Forwarded-Scheme": "http", "X-Forwarded-Ssl": "off"},
    {"X_Forwarded_Host": "evil.example", "X_Forwarded_For": "203.0.113.7"},
    {"X-Host": "evil.example", "X-Original-Host": "evil.example"},
    {"Connection": "X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto"},
]


@pytest.mark.parametrize("claim", FORWARDED, ids=lambda claim: "+".join(claim))
def test_forwarding_headers_move_no_redirect_link_or_cookie(
    hostile: Stack, claim: dict[str, str]
) -> None:
    for path in ("/dash/", "/account", "/pgadmin/", "/flower", "/login"):
        plain, claimed = (hostile.raw("GET", path, {**HTML, **more}) for more in ({}, claim))
        assert claimed.status == plain.status, path
        assert claimed.getheader("Location") == plain.getheader("Location"), path
        assert re.findall(r'(?:href|src|action)="[^"]*"', claimed.text) == re.findall(
            r'(?:href|src|action)="[^"]*"', plain.text
        )
        assert [unvalued(cookie) for cookie in claimed.headers.get_all("Set-Cookie", [])] == [
            unvalued(cookie) for cookie in plain.headers.get_all("Set-Cookie", [])
        ]
    head = "".join(f"{name}: {value}\r\n" for name, value in claim.items())
    request = f"GET /dash/ HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode()
    if "Connection" not in claim:
        request = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert location(raw(hostile, request, tls=False, wait=2)) == f"{hostile.url}/dash/"


def unvalued(cookie: str) -> str:
    return re.sub(r"=[^;]*", "", cookie, count=1)


def test_the_address_of_a_log_in_is_the_one_the_proxy_saw(hostile: Stack) -> None:
    client = hostile.client()
    client.headers.update({"X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7"})
    assert (
        patient(lambda: hostile.log_in(client, "viewer@example.org", PASSWORD)).status_code == 302
    )
    seen = hostile.sql("select current_login_ip from users where email = 'viewer@example.org'")
    assert seen[0][0]
    assert seen != [("203.0.113.7",)]


@pytest.mark.parametrize("port", ["1", "", "99999evil", "443"])
def test_the_port_of_a_link_is_the_published_one(hostile: Stack, port: str) -> None:
    """A client's Host may name any port, and our links must not lead to it."""
    for path in ("/dash/", "/pgadmin/"):
        request = f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAccept: text/html\r\n"
        answer = raw(hostile, f"{request}Connection: close\r\n\r\n".encode())
        assert statuses(answer) in ([302], [400], [404])
        led = location(answer)
        assert led.startswith(("/login?", f"{hostile.url}/login?")) or not led


def test_the_link_in_a_mail_is_to_this_site(hostile: Stack) -> None:
    """The mail goes to somebody else than the one whose headers asked for it."""
    client = hostile.client()
    claims = {
        "Host": "localhost:666",
        **{name: value for claim in FORWARDED[1:8] for name, value in claim.items()},
    }
    words = {"email": "viewer@example.org", "csrf_token": token_of(client, "/recover")}
    answer = patient(lambda: client.post("/recover", data=words, headers=claims))
    in_place(answer, 200, 302)
    mail = wait_until(lambda: link_mailed(hostile), "the mail has arrived")
    assert mail.startswith(f"{hostile.url}/recover/"), mail
