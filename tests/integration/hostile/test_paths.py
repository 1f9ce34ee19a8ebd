"""Paths that lead out of a folder."""

from __future__ import annotations

import pytest

from tests.stack import Stack

pytestmark = pytest.mark.stack

PLACES = [
    *("/static/", "/docs/files/", "/bootstrap/static/"),
    *("/dash/assets/", "/dash/_dash-component-suites/"),
]
OUTSIDE = [
    "../../../../etc/passwd",
    "%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    ".%2e/.%2e/.%2e/.%2e/etc/passwd",
    "%252e%252e/%252e%252e/%252e%252e/etc/passwd",
    "..%2f..%2f..%2f..%2fetc/passwd",
    "..%252f..%252f..%252fetc%252fpasswd",
    "%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%c0%ae%c0%ae/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
    "..%c0%af..%c0%af..%c0%afetc/passwd",
    "%ef%bc%8e%ef%bc%8e/%ef%bc%8e%ef%bc%8e/etc/passwd",
    "%u002e%u002e/%u002e%u002e/etc/passwd",
    "..\\..\\..\\etc\\passwd",
    "..%5c..%5c..%5cetc%5cpasswd",
    "..;/..;/..;/etc/passwd",
    "..%3b/..%3b/etc/passwd",
    "....//....//....//etc/passwd",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "file:///etc/passwd",
    "timestack.css%00.png",
    "%ff%fe/../../etc/passwd",
    "../../../run/secrets/secret_key",
    "../app.py",
]


@pytest.mark.parametrize("place", [*PLACES, "/pgadmin/", "/flower/", "/traefik/"])
@pytest.mark.parametrize("who", ["a stranger", "the administrator"])
def test_no_path_leads_out_of_a_folder(hostile: Stack, place: str, who: str) -> None:
    # /traefik/ answers an administrator's path that it does not know with its start page.
    known = {"a stranger": (400, 401, 404)}.get(who, (400, 404, 405))
    headers = {} if who == "a stranger" else {"Cookie": hostile.cookies(hostile.http)}
    key = (hostile.secrets / "secret_key").read_text().strip()
    for path in OUTSIDE:
        answer = hostile.raw("GET", place + path, headers)
        assert answer.status in known, (place + path, answer.status, answer.text[:200])
        for secret in ("root:", "daemon:", key, "create_app", "Traceback"):
            assert secret not in answer.text, place + path


@pytest.mark.parametrize("path", ["pgadmin/", "flower/", "traefik/api/rawdata", "dash/", "account"])
def test_a_public_folder_is_no_way_into_a_closed_one(hostile: Stack, path: str) -> None:
    for way in ("../", "%2e%2e/", ".%2e/", "..%2f", "%2e%2e%2f", "..%5c", "..;/", "x/../../"):
        answer = hostile.raw("GET", f"/static/{way}{path}", {})
        assert answer.status in (400, 401, 404), (way, answer.text[:200])
