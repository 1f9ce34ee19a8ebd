"""Who somebody claims to be: headers that only the proxy may set."""

from __future__ import annotations

import httpx
import pytest

from tests.attacker import JSON, patient
from tests.stack import ADMIN_EMAIL, PASSWORD, Stack

pytestmark = pytest.mark.stack

CLAIMS = [
    {"X-Remote-User": ADMIN_EMAIL},
    {"X_Remote_User": ADMIN_EMAIL},
    {"X.Remote.User": ADMIN_EMAIL},
    {"x-remote-USER": ADMIN_EMAIL, "X-Pgadmin-Webserver-Secret": "guess"},
    {"Remote-User": ADMIN_EMAIL, "REMOTE_USER": ADMIN_EMAIL},
    {"X-Forwarded-User": ADMIN_EMAIL, "X-Auth-Request-User": ADMIN_EMAIL},
    {"X-Forwarded-Uri": "/health/live", "X-Forwarded-Method": "GET"},
    {"X-Original-URL": "/health/live", "X-Rewrite-URL": "/health/live"},
    {"X-HTTP-Method-Override": "GET"},
    {"Connection": "X-Remote-User, X-Forwarded-For, X-Forwarded-Uri, X-Forwarded-Host"},
    {"Authorization": "Basic dHJhZWZpazp0cmFlZmlr"},
    {"Authorization": "Basic YWRtaW46YWRtaW4="},
    {"Authorization": "Basic dHJhZWZpazo="},
    {"Authorization": "Bearer admin", "Authentication-Token": "admin"},
]
CLOSED = [
    "/pgadmin/",
    "/pgadmin/browser/",
    "/flower/",
    "/flower/api/workers",
    "/traefik/api/rawdata",
    "/traefik/dashboard/",
]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: "+".join(claim))
def test_saying_who_one_is_opens_no_door(hostile: Stack, claim: dict[str, str]) -> None:
    viewer = {"Cookie": hostile.cookies(hostile.viewer)}
    for path in CLOSED:
        assert hostile.raw("GET", path, claim).status == 401, path
        assert hostile.raw("GET", path, {**viewer, **claim}).status == 403, path
    for path in ("/account", "/dash/", "/api/v1/jobs"):
        assert hostile.raw("GET", path, claim).status == 401, path


def test_every_guess_of_the_monitors_own_password_ends_at_the_door(hostile: Stack) -> None:
    secret = (hostile.secrets / "flower_proxy_secret").read_text().strip()
    # Even the right one: it is for the proxy to send.
    right = httpx.BasicAuth("traefik", secret)
    assert hostile.visitor.get("/flower/", auth=right, headers=JSON).status_code == 401
    assert hostile.viewer.get("/flower/", auth=right, headers=JSON).status_code == 403


def test_pgadmin_is_told_the_administrators_own_name(hostile: Stack) -> None:
    claims = {"X-Remote-User": "evil@example.org", "X_Remote_User": "evil@example.org"}
    client = hostile.client()
    assert patient(lambda: hostile.log_in(client, ADMIN_EMAIL, PASSWORD)).status_code == 302
    client.headers.update(claims)
    assert client.get("/pgadmin/browser/", follow_redirects=True).status_code == 200
    page = client.get("/pgadmin/browser/js/utils.js")
    assert page.status_code == 200, page.text[:300]
    assert ADMIN_EMAIL in page.text
    assert "evil@example.org" not in page.text


@pytest.mark.parametrize(
    "path",
    [
        "/auth/pgadmin",
        "//auth/pgadmin",
        "/%61uth/pgadmin",
        "/auth%2fpgadmin",
        "/auth/./pgadmin",
        "/auth//pgadmin",
        "/auth/pgadmin/",
        "/auth/pgadmin?",
        "/auth/pgadmin;x",
        "/AUTH/pgadmin",
        "/auth\\pgadmin",
        "/static/../auth/pgadmin",
        "/static/%2e%2e/auth/pgadmin",
        "/pgadmin/../auth/pgadmin",
        "/auth/flower",
        "/auth/traefik",
    ],
)
def test_what_the_proxy_asks_at_the_door_is_for_nobody_else_to_ask(
    hostile: Stack, path: str
) -> None:
    administrator = {"Cookie": hostile.cookies(hostile.http)}
    names = ("X-Forwarded-Uri", "X_Forwarded_Uri", "X.Forwarded.Uri")
    for claim in ({}, *({name: "/pgadmin/", "X-Forwarded-Method": "GET"} for name in names)):
        for method in ("GET", "HEAD", "OPTIONS"):
            answer = hostile.raw(method, path, {**administrator, **claim})
            assert answer.status in (400, 404), (method, answer.status)
            names = {name.lower() for name, _ in answer.getheaders()}
            assert not names & {"x-remote-user", "x-pgadmin-webserver-secret", "authorization"}
