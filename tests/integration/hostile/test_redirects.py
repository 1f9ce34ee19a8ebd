"""Where a log-in leads: `next` and the way back from a closed door."""

from __future__ import annotations

from urllib.parse import parse_qs, urljoin, urlsplit

import pytest

from tests.attacker import HTML, JSON, forget_failures, in_place, patient, token_of
from tests.stack import PASSWORD, TOKEN_FIELD, Stack

pytestmark = pytest.mark.stack

ELSEWHERE = [
    "//evil.example",
    "///evil.example/path",
    "/%2Fevil.example",
    "%2F%2Fevil.example",
    "/%252Fevil.example",
    "/%25252Fevil.example",
    "%5C%5Cevil.example",
    "/%5Cevil.example",
    "/%255Cevil.example",
    "/%09/evil.example",
    "/%0a/evil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "%09//evil.example",
    "%20//evil.example",
    "/%00/evil.example",
    "/..//evil.example",
    "/a/%2F%2Fevil.example",
    "/%E2%80%A8/evil.example",
    "/%EF%BC%8Fevil.example",
    "https://evil.example/",
    "HTTPS://EVIL.EXAMPLE",
    "https:evil.example",
    "https:/evil.example",
    "http:///evil.example",
    "https://localhost@evil.example/",
    "//localhost:8443@evil.example",
    "javascript:alert(1)",
    "data:text/html,evil",
    "evil.example",
    ".evil.example",
    "@evil.example",
]


@pytest.mark.parametrize("form", ["/login", "/register", "/recover"])
def test_a_form_whose_next_leads_elsewhere_is_not_shown(hostile: Stack, form: str) -> None:
    for address in ELSEWHERE:
        answer = hostile.raw("GET", f"{form}?next={address}", HTML)
        assert answer.status == 400, (address, answer.getheader("Location"))
        assert "evil" not in answer.text, address


def test_the_right_password_does_not_lead_elsewhere_either(hostile: Stack) -> None:
    client = hostile.client()
    words = {"email": "viewer@example.org", "password": PASSWORD, "csrf_token": token_of(client)}
    for address in ELSEWHERE:
        plain = parse_qs(f"next={address}")["next"][0]
        for path, more in ((f"/login?next={address}", {}), ("/login", {"next": plain})):
            send = lambda path=path, more=more: client.post(path, data={**words, **more})  # noqa: E731
            answer = in_place(patient(send), 400)
            assert "location" not in answer.headers, address
    assert client.get("/account", headers=HTML).status_code == 302


def test_a_next_in_json_does_not_lead_elsewhere(hostile: Stack) -> None:
    client = hostile.client()
    headers = {**JSON, "X-CSRFToken": token_of(client)}
    for address in ("//evil.example", "https://evil.example", ["//evil.example"], {"a": 1}):
        words = {"email": "viewer@example.org", "password": PASSWORD, "next": address}
        answer = patient(lambda words=words: client.post("/login", json=words, headers=headers))
        in_place(answer, 400)
        assert "evil" not in answer.text
        forget_failures(hostile)
    assert client.get("/account", headers=HTML).status_code == 302


@pytest.mark.parametrize(
    "address", ["/dash/sensors?from=2013-01-01&to=a%2Fb", "/account", "/a?next=//evil.example"]
)
def test_a_next_on_this_site_is_where_the_log_in_leads(hostile: Stack, address: str) -> None:
    client = hostile.client()
    form = client.get("/login", params={"next": address})
    words = {
        "csrf_token": TOKEN_FIELD.search(form.text)[1],
        "email": "viewer@example.org",
        "password": PASSWORD,
    }
    send = lambda: client.post("/login", params={"next": address}, data=words)  # noqa: E731
    answer = in_place(patient(send), 302)
    led = urlsplit(urljoin(f"{hostile.url}/login", answer.headers["location"]))
    assert led.netloc == f"localhost:{hostile.https_port}"
    assert f"{led.path}?{led.query}".rstrip("?") == address


@pytest.mark.parametrize(
    "path",
    [
        "/pgadmin/",
        "/pgadmin/?next=//evil.example",
        "/pgadmin//evil.example",
        "/pgadmin/;@evil.example",
        "/pgadmin/%09/evil.example",
        "/pgadmin/%0d%0aLocation:%20https://evil.example",
        "/pgadmin/..//evil.example",
        "/pgadmin/%2e%2e//evil.example/",
        "/pgadmin/%5Cevil.example",
        "/pgadmin/%2F%2Fevil.example",
        "/pgadmin/\\evil.example",
        "//evil.example/pgadmin/",
        "/flower//evil.example",
        "/traefik/@evil.example",
    ],
)
def test_the_door_leads_to_our_own_form_and_back_to_this_site(hostile: Stack, path: str) -> None:
    answer = hostile.raw("GET", path, HTML)
    assert answer.status in (302, 400, 404), answer.text[:300]
    led = urlsplit(answer.getheader("Location") or f"{hostile.url}/login?next=/")
    assert (led.scheme, led.netloc) == ("https", f"localhost:{hostile.https_port}")
    assert led.path == "/login"
    back = parse_qs(led.query)["next"][0]
    assert urlsplit(urljoin(hostile.url, back)).netloc == led.netloc
    # The form takes what the door gave it.
    assert hostile.raw("GET", f"{led.path}?{led.query}", HTML).status == 200
