"""What only an attacker sends, against the published port of a stack of its own.

Each test asserts the one right answer, and after each the stack must serve as before. What floods
stands at the end, and the limits that it uses up are this stack's alone.
"""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import re
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, islice
from threading import Event, Thread
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

from tests.stack import ADMIN_EMAIL, PASSWORD, TOKEN_FIELD, Stack, docker, wait_until

pytestmark = pytest.mark.stack

HTML = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
# auth/limits.py: failures a minute.
PER_ADDRESS, PER_USER = 30, 10


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack for this file alone, so that its exhausted limits disturb nobody."""
    with Stack(tmp_path_factory.mktemp("hostile"), SEED="no", REGISTRATION="yes") as running:
        # Both are made before anything is used up.
        assert running.http.get("/account").status_code == 200
        assert running.viewer.get("/account").status_code == 200
        yield running


@pytest.fixture(scope="module", autouse=True)
def steady(hostile: Stack) -> Iterator[Future[list[int]]]:
    """What is answered to a form that comes a byte a second, begun with the first test."""
    ended = Event()
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(by_the_byte, hostile, 75, ended)
        ended.set()


@pytest.fixture(autouse=True)
def serving(hostile: Stack) -> Iterator[None]:
    """Whatever was sent: no traceback is written to a client, and the stack serves as before."""
    yield
    answer = hostile.client().get("/health/ready")
    assert answer.status_code == 200, answer.text


# How answers are judged and what is needed to get them


def in_place(answer: httpx.Response, *statuses: int) -> httpx.Response:
    """The answer, which has one of `statuses`, a request id, and nothing of our insides."""
    shown = f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code in statuses, shown
    assert answer.headers["x-request-id"], shown
    for inside in ("Traceback", "site-packages", "psycopg", "sqlalchemy", "werkzeug", "/app/"):
        assert inside not in answer.text, shown
    return answer


def problem(answer: httpx.Response, status: int) -> dict:
    """The problem document that the answer is."""
    in_place(answer, status)
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    told = answer.json()
    assert told["status"] == status
    assert told["request_id"] == answer.headers["x-request-id"]
    return told


def token_of(client: httpx.Client, path: str = "/login") -> str:
    """The CSRF token of a form."""
    form = client.get(path)
    found = TOKEN_FIELD.search(form.text)
    assert found, f"{path} answered {form.status_code} and no form: {form.text[:300]}"
    return found[1]


def patient(send: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer of `send` once the limits let it through."""
    return wait_until(
        lambda: (answer := send()).status_code != 429 and answer, "the limits let a request through"
    )


def forget_failures(stack: Stack) -> None:
    """Delete the failures counted in Redis; the proxy's own count is refilled by the second."""
    done = stack.compose(
        *("exec", "-T", "redis", "sh", "-c"),
        "REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli -n 2 flushdb",
    )
    assert "OK" in done.stdout, done.stderr


def session_of(stack: Stack, client: httpx.Client) -> tuple[str, str]:
    """Name and value of the session cookie."""
    name = f"__Host-timestack-{stack.https_port}"
    return name, client.cookies.get(name) or ""


def raw(stack: Stack, data: bytes, *, wait: float = 5, tls: bool = True) -> bytes:
    """All that is answered to exactly these bytes until the server closes or `wait` is over."""
    port = stack.https_port if tls else stack.http_port
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as plain:
        line = trusting(stack).wrap_socket(plain, server_hostname="localhost") if tls else plain
        with line:
            end = time.monotonic() + wait
            try:
                line.sendall(data)
                while (left := end - time.monotonic()) > 0:
                    line.settimeout(left)
                    piece = line.recv(65536)
                    if not piece:
                        break
                    got += piece
            except OSError:
                # Closed under our hands, or nothing more to come.
                pass
    return got


def trusting(stack: Stack) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(stack.secrets / "ca.pem"))


def statuses(answer: bytes) -> list[int]:
    """The status of each answer on a connection."""
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


def location(answer: bytes) -> str:
    found = re.search(rb"(?im)^location: ([^\r]*)", answer)
    return found[1].decode() if found else ""


# Where a log-in leads

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


# Files

PLACES = ["/static/", "/bootstrap/static/", "/dash/assets/", "/dash/_dash-component-suites/"]
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


# Who somebody claims to be

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
            told = {name.lower() for name, _ in answer.getheaders()}
            assert not told & {"x-remote-user", "x-pgadmin-webserver-secret", "authorization"}


# Where somebody claims to come from, and to be going

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
    """A client's Host may name any port, and whoever listens there must not get our links."""
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


def link_mailed(stack: Stack) -> str | None:
    """The link of the newest mail."""
    ask = "from urllib.request import urlopen as o; print(o('http://localhost:9000/mail').read().decode())"
    done = stack.compose("exec", "-T", "platform", "python", "-c", ask)
    found = re.findall(r"https?://[^\s\\\"]+/recover/[^\s\\\"]+", done.stdout)
    return found[-1] if found else None


# Which host is meant


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost : evil.example\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n Host: evil.example\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost, evil.example\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost@evil.example\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost/evil\r\n", 400),
        ("GET / HTTP/1.1\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n", 404),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n", 404),
        ("GET / HTTP/1.1\r\nHost: localhost.evil.example\r\n", 404),
        ("GET / HTTP/1.1\r\nHost: 169.254.169.254\r\n", 404),
        ("GET / HTTP/1.1\r\nHost: web:8000\r\n", 404),
        ("GET https://evil.example/ HTTP/1.1\r\nHost: localhost\r\n", 404),
        ("GET http://web:8000/health/live HTTP/1.1\r\nHost: localhost\r\n", 404),
        ("GET ftp://localhost/ HTTP/1.1\r\nHost: evil.example\r\n", None),
        ("CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n", None),
    ],
)
@pytest.mark.parametrize("tls", [True, False])
def test_a_host_that_is_not_ours_or_not_one_is_refused(
    hostile: Stack, head: str, status: int | None, tls: bool
) -> None:
    answer = raw(hostile, f"{head}Connection: close\r\n\r\n".encode(), tls=tls)
    got = statuses(answer)
    assert len(got) == 1
    if status is None:
        assert b"evil" not in answer
        assert "evil" not in location(answer)
        assert got[0] < 600
    else:
        assert got == [status], answer[:300]
    assert not location(answer) or location(answer).startswith(hostile.url)


def test_an_absolute_address_counts_more_than_the_host_beside_it(hostile: Stack) -> None:
    """RFC 9112, 3.2.2; what is made of it names our own host and nothing else."""
    request = b"GET https://localhost/dash/ HTTP/1.1\r\nHost: evil.example\r\nAccept: text/html\r\n"
    answer = raw(hostile, request + b"Connection: close\r\n\r\n")
    assert statuses(answer) == [302]
    assert location(answer) == "/login?next=%2Fdash%2F"
    assert b"evil" not in answer


# Where a request ends

# A view that everybody may call and that refuses what has no token: 400.
POST = b"POST /logout HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def canary(name: str) -> bytes:
    """A request without an end: sent on, it would swallow the next one of somebody else."""
    return b"GET /canary-" + name.encode() + b" HTTP/1.1\r\nHost: localhost\r\nX-Swallow: "


SMUGGLED = {
    "length-and-chunks": lambda c: (
        POST + CHUNKED + b"Content-Length: %d\r\n\r\n0\r\n\r\n" % (5 + len(c)) + c
    ),
    "chunks-and-length": lambda c: (
        POST + CHUNKED + b"Content-Length: 4\r\n\r\n%x\r\n" % len(c) + c + b"\r\n0\r\n\r\n"
    ),
    "two-lengths": lambda c: POST + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(c) + c,
    "list-of-lengths": lambda c: POST + b"Content-Length: 0, %d\r\n\r\n" % len(c) + c,
    "signed-length": lambda c: POST + b"Content-Length: +0\r\n\r\n" + c,
    "negative-length": lambda c: POST + b"Content-Length: -1\r\n\r\n" + c,
    "hexadecimal-length": lambda c: POST + b"Content-Length: 0x0\r\n\r\n" + c,
    "length-with-space": lambda c: POST + b"Content-Length : 0\r\n\r\n" + c,
    "length-by-underscore": lambda c: (
        POST + b"Content_Length: %d\r\nContent-Length: 0\r\n\r\n" % len(c) + c
    ),
    "xchunked": lambda c: POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + c,
    "name-with-space": lambda c: POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + c,
    "leading-space": lambda c: POST + b" Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + c,
    "vertical-tab": lambda c: (
        POST + b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + c
    ),
    "tab": lambda c: (
        POST + b"Transfer-Encoding:\tchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + c
    ),
    "folded": lambda c: (
        POST + b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + c
    ),
    "after-a-bare-newline": lambda c: (
        POST + b"X: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + c
    ),
    "after-a-bare-return": lambda c: (
        POST + b"X: y\rTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + c
    ),
    "two-encodings": lambda c: POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + c,
    "gzip-and-chunks": lambda c: POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + c,
    "identity": lambda c: POST + b"Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n" + c,
    "encoding-by-underscore": lambda c: (
        POST + b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + c
    ),
    "http-1.0": lambda c: (
        POST.replace(b"1.1", b"1.0") + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + c
    ),
}
BROKEN_CHUNKS = {
    "negative": b"-1\r\n\r\n",
    "hexadecimal-prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "overflow": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "no-line-end": b"5\r\nhelloXX0\r\n\r\n",
    "bare-newlines": b"5\nhello\n0\n\n",
    "newline-in-extension": b"5;\nhello\r\n0\r\n\r\n",
    "quoted-extension": b'0;a="\r\n"\r\n\r\n',
    "endless-extension": b"5;" + b"a" * 100_000 + b"\r\nhello\r\n0\r\n\r\n",
    "no-size": b"\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_a_request_with_two_ends_is_refused_and_hides_no_other(hostile: Stack, name: str) -> None:
    """Where RFC 9112 (6.3) gives one of the two ends the word, the refusal is the view's own."""
    answer = raw(hostile, SMUGGLED[name](canary(name)), wait=1)
    assert statuses(answer) in ([400], [501], []), answer[:300]
    nobody_met_the_canary(hostile, name)


@pytest.mark.parametrize("name", BROKEN_CHUNKS)
def test_a_body_in_broken_chunks_ends_the_connection(hostile: Stack, name: str) -> None:
    """No server is ever asked for what such a request wants."""
    started = time.monotonic()
    broken = POST + b"X-Request-Id: canary-" + name.encode() + b"\r\n" + CHUNKED + b"\r\n"
    answer = raw(hostile, broken + BROKEN_CHUNKS[name] + canary(name), wait=10)
    assert time.monotonic() - started < 8, "the connection was left open"
    assert statuses(answer) in ([400], [413], [431], [])
    assert b"canary" not in answer
    nobody_met_the_canary(hostile, name)


def nobody_met_the_canary(stack: Stack, name: str) -> None:
    """Requests on fresh connections get their own answers, and no server logged the hidden one."""
    for _ in range(10):
        answer = raw(
            stack, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        assert statuses(answer) == [200], answer[:300]
        assert b'"ok"' in answer
    since = stack.compose("logs", "--no-color", "--tail", "200", "web", "pgadmin", "flower").stdout
    assert f"canary-{name}" not in since


# What is too much


def test_a_chunked_body_without_end_is_cut_off(hostile: Stack) -> None:
    cookies = hostile.cookies(hostile.http).encode()
    token = hostile.http.headers["X-CSRFToken"].encode()
    head = (
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Cookie: " + cookies + b"\r\nX-CSRFToken: " + token + b"\r\n"
    )
    chunk = b"80000\r\n" + b"a" * 0x80000 + b"\r\n"
    for count, end, by in ((6, b"0\r\n\r\n", b"problem+json"), (10, b"", b"Too Large")):
        started = time.monotonic()
        sent = head + b"Connection: close\r\n" + CHUNKED + b"\r\n" + chunk * count + end
        answer = raw(hostile, sent, wait=20)
        assert statuses(answer) == [413], (count, answer[:300])
        assert by in answer
        assert time.monotonic() - started < 20, "the connection was left open"


def test_bodies_of_unknown_length_that_drip_are_in_nobody_elses_way(hostile: Stack) -> None:
    """A container on the proxy's own network is a client with an address of its own."""
    begun = POST + CHUNKED + b"\r\n5\r\nhel"
    lines = []
    try:
        for _ in range(4):
            plain = socket.create_connection(("127.0.0.1", hostile.https_port), timeout=10)
            lines.append(trusting(hostile).wrap_socket(plain, server_hostname="localhost"))
            lines[-1].sendall(begun)
        assert wait_until(
            lambda: statuses(short(hostile)) == [429], "this address has had its share"
        )
        network, image = f"{hostile.project}_public", hostile.inspect("web")["Config"]["Image"]
        status = docker("run", "--rm", "--network", network, image, "python", "-c", CHUNKS)
        assert status.split() == ["400"], "refused for its token alone"
    finally:
        for line in lines:
            line.close()
    wait_until(lambda: statuses(short(hostile)) == [400], "its share is free again")


def short(stack: Stack) -> bytes:
    """The answer to a form in chunks, which has no token."""
    return raw(stack, POST + b"Connection: close\r\n" + CHUNKED + b"\r\n1\r\na\r\n0\r\n\r\n")


CHUNKS = """
import http.client, ssl
context = ssl._create_unverified_context()
line = http.client.HTTPSConnection("traefik", 8443, context=context, timeout=20)
line.request("POST", "/logout", iter([b"a"]), {"Host": "localhost"}, encode_chunked=True)
print(line.getresponse().status)
"""


def test_a_body_that_unpacks_to_much_is_never_unpacked(hostile: Stack) -> None:
    bomb = gzip.compress(b'{"kind": "' + b"a" * 100_000_000 + b'"}')
    assert len(bomb) < 200_000
    packed = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    before = memory(hostile, "web")
    told = problem(hostile.http.post("/api/v1/jobs", content=bomb, headers=packed), 400)
    assert "not JSON" in told["detail"]
    form = {"Content-Encoding": "gzip", "Content-Type": "application/x-www-form-urlencoded"}
    in_place(hostile.visitor.post("/logout", content=bomb, headers=form), 400)
    assert memory(hostile, "web") - before < 60_000_000


def memory(stack: Stack, service: str) -> int:
    """Bytes that a container holds, its caches apart."""
    done = stack.compose("exec", "-T", service, "cat", "/sys/fs/cgroup/memory.stat")
    found = re.search(r"^(?:anon|total_rss) (\d+)", done.stdout, re.MULTILINE)
    if not found:
        ask = ["cat", "/sys/fs/cgroup/memory/memory.stat"]
        done = stack.compose("exec", "-T", service, *ask)
        found = re.search(r"^(?:anon|total_rss) (\d+)", done.stdout, re.MULTILINE)
    assert found, done.stderr
    return int(found[1])


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/v1/jobs?a=" + "a" * 9_000, {}, 414),
        ("/api/v1/jobs?a=" + "a" * 50_000, {}, 414),
        ("/api/v1/jobs", {"X-A": "a" * 20_000}, 431),
    ],
)
def test_an_address_or_header_above_the_limit_is_a_problem_of_the_api(
    hostile: Stack, path: str, headers: dict[str, str], status: int
) -> None:
    problem(hostile.http.get(path, headers=headers), status)
    shown = hostile.visitor.get(path.replace("/api/v1/jobs", "/"), headers={**headers, **HTML})
    in_place(shown, status)
    assert shown.headers["content-type"].startswith("text/html")


def test_a_head_above_64_kib_does_not_pass_the_proxy(hostile: Stack) -> None:
    for head in (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"a=b; " * 40_000 + b"\r\n\r\n",
    ):
        assert statuses(raw(hostile, head)) in ([431], [])
    many = b"".join(b"X-%d: a\r\n" % number for number in range(2_000))
    answer = raw(hostile, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + many + b"\r\n", wait=2)
    assert statuses(answer) == [431]


# Forms and what is typed into them


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
        assert "There is a user of this address" in answer.text
        assert other.get("/account", headers=HTML).status_code == 302
    forget_failures(hostile)


@pytest.mark.parametrize("letter", ["a", "é", "\U0001f511", "\x00"], ids=ascii)
def test_a_password_of_ten_thousand_characters_is_refused(hostile: Stack, letter: str) -> None:
    client, long = hostile.client(), letter * 10_000
    for address in ("viewer@example.org", "nobody@example.org"):
        words = {"email": address, "password": long}
        answer = in_place(patient(lambda w=words: hostile.submit(client, "/login", w)), 200)
        assert "do not go together" in answer.text
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
        # Whether there is a user to recover is not told: an object is answered alike.
        alike = [200] if path == "/recover" and isinstance(body, dict) else []
        in_place(patient(send), 400, *alike)
    forget_failures(hostile)


# Whose request it is


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
            told = problem(hostile.visitor.post(path, json=body, headers=headers), 400)
            assert "CSRF" in told.get("detail", ""), told
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
    told = json.loads(answer.text)
    assert told["request_id"] == answer.getheader("X-Request-Id")
    for who in (hostile.http, hostile.visitor):
        for method in ("DELETE", "PUT"):
            shown = in_place(who.request(method, "/login", headers=HTML), 405)
            assert shown.headers["content-type"].startswith("text/html")


# Slow ones

SLOW_BODY = (
    "Host: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 99"
)


def by_the_byte(stack: Stack, length: int, ended: Event) -> list[int]:
    """The statuses of the answer to a body of `length` bytes, one each second until `ended`."""
    plain = socket.create_connection(("127.0.0.1", stack.https_port), timeout=20)
    with trusting(stack).wrap_socket(plain, server_hostname="localhost") as line:
        line.sendall(POST + b"Content-Length: %d\r\n\r\n" % length)
        for _ in range(length):
            if ended.wait(1):
                break
            line.sendall(b"a")
        return [] if ended.is_set() else statuses(line.recv(65536))


def test_a_slow_but_steady_body_arrives(steady: Future[list[int]]) -> None:
    """It began with the first test of this file, and takes over a minute."""
    assert steady.result(timeout=120) == [400], "refused for its token alone"


@pytest.mark.parametrize(
    ("count", "begun"),
    [
        (1_000, "G"),
        (200, f"POST /logout HTTP/1.1\r\n{SLOW_BODY}\r\n\r\na"),
        (200, f"GET /login HTTP/1.1\r\n{SLOW_BODY}\r\n\r\na"),
        (200, f"POST /login HTTP/1.1\r\n{SLOW_BODY}\r\n\r\na"),
        (200, f"POST /account/password HTTP/1.1\r\n{SLOW_BODY}\r\n\r\na"),
        (200, f"POST /no-such-page HTTP/1.1\r\n{SLOW_BODY}\r\n\r\na"),
        (200, f"POST /api/v1/jobs HTTP/1.1\r\n{SLOW_BODY}\r\n\r\na"),
    ],
    ids=["head", "log-out", "form", "log-in", "password", "nothing", "api"],
)
def test_slow_clients_keep_nobody_waiting(hostile: Stack, count: int, begun: str) -> None:
    opened = asyncio.run(served_beside(hostile, count, begun.encode()))
    assert opened == count


async def served_beside(stack: Stack, count: int, begun: bytes) -> int:
    """How many connections with a request that was only begun were open while others were served.

    Raises AssertionError when a page took longer than 5 s, or the whole longer than 40 s.
    """
    context = trusting(stack)
    lines: list[asyncio.StreamWriter] = []

    async def begin() -> None:
        _, line = await asyncio.open_connection(
            "127.0.0.1", stack.https_port, ssl=context, server_hostname="localhost"
        )
        lines.append(line)
        line.write(begun)
        await line.drain()

    try:
        async with asyncio.timeout(40):
            await asyncio.gather(*(begin() for _ in range(count)))
            await asyncio.to_thread(quickly_served, stack)
    finally:
        for line in lines:
            line.transport.abort()
    return len(lines)


def quickly_served(stack: Stack) -> None:
    with stack.client() as client:
        for path in ("/", "/health/ready", "/login"):
            started = time.monotonic()
            answer = client.get(path)
            assert answer.status_code == 200, (path, answer.text[:300])
            assert time.monotonic() - started < 5, path


# Many at once


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip", "identity"])
def test_the_proxy_outlives_many_who_ask_for_one_file_at_once(
    hostile: Stack, encoding: str
) -> None:
    """Over connections of their own, and as streams of one."""
    before = started(hostile, "traefik")
    got = asyncio.run(at_once(hostile, encoding, count=200))
    assert started(hostile, "traefik") == before
    # What is too much is told so; all that a kind of connection needs is far below that.
    assert set(got) <= {200, 429}, got
    assert got[200] >= 200, got


def started(stack: Stack, service: str) -> tuple[int, str]:
    """How often a container was started again, and when it was the last time."""
    found = stack.inspect(service)
    return found["RestartCount"], found["State"]["StartedAt"]


async def at_once(stack: Stack, encoding: str, count: int) -> Counter[int]:
    """The statuses of `count` requests over as many connections, then of as many streams."""
    got: Counter[int] = Counter()
    path = "/bootstrap/static/css/bootstrap.min.css"
    for streams in (False, True):
        limits = httpx.Limits(max_connections=1 if streams else count)
        async with httpx.AsyncClient(
            base_url=stack.url,
            verify=trusting(stack),
            http1=not streams,
            http2=streams,
            limits=limits,
            timeout=60,
            headers={"Accept-Encoding": encoding},
        ) as client:
            answers = await asyncio.gather(*(client.get(path) for _ in range(count)))
        got.update(answer.status_code for answer in answers)
    return got


# Guesses: the last, since they use up what this address may do

Guess = tuple[str, str, dict[str, str]]


def test_of_ten_thousand_guesses_a_handful_is_looked_at(hostile: Stack) -> None:
    client = hostile.client()
    token, cookies = token_of(client), hostile.cookies(client)
    one_user = [("viewer@example.org", f"wrong {n}", spoofed(n)) for n in range(5_000)]
    # Every guess another one, all of them from one address.
    many = [(f"user{n}@example.org", "wrong", spoofed(n)) for n in range(5_000)]
    for guesses, limit in ((one_user, PER_USER), (many, PER_ADDRESS)):
        forget_failures(hostile)
        started = time.monotonic()
        got = asyncio.run(flood(hostile, guesses, token, cookies))
        minutes = 1 + int((time.monotonic() - started) / 60)
        assert sum(got.values()) == 5_000
        assert set(got) <= {200, 429}, got
        assert 1 <= got[200] <= limit * minutes, got
        for path in ("/", "/login", "/health/ready"):
            assert hostile.visitor.get(path).status_code == 200, path
        assert hostile.viewer.get("/account").status_code == 200
        # The flood may have outlasted the minute in which its first guesses count: a new one.
        forget_failures(hostile)
        for email, password, _ in guesses[:limit]:
            assert web_answers(client, guess(email, password, token)).status_code == 200
        # The right password, too, has to wait; but not in the owner's own browser.
        right = guess("viewer@example.org", PASSWORD, token)
        assert web_answers(client, right).status_code == 429
        owner = known_browser(hostile, hostile.viewer)
        right_there = guess("viewer@example.org", PASSWORD, token_of(owner))
        assert web_answers(owner, right_there).status_code == 302
    forget_failures(hostile)
    assert web_answers(client, right).status_code == 302


def known_browser(stack: Stack, of: httpx.Client) -> httpx.Client:
    """The browser of a client on another day: its log-in is over, and it is still known."""
    client = stack.client()
    for cookie in of.cookies.jar:
        if cookie.name == f"__Host-timestack-known-{stack.https_port}":
            client.cookies.jar.set_cookie(cookie)
    assert len(client.cookies) == 1
    return client


def guess(email: str, password: str, token: str) -> dict[str, str]:
    return {"email": email, "password": password, "csrf_token": token}


def spoofed(number: int) -> dict[str, str]:
    address = f"198.51.{number // 250 % 250}.{number % 250}"
    return {"X-Forwarded-For": address, "X-Real-Ip": address, "Forwarded": f"for={address}"}


async def flood(
    stack: Stack, guesses: list[Guess], token: str, cookies: str, connections: int = 16
) -> Counter[int]:
    """How often each status answered; every connection sends one guess after the other."""
    context, left, got = trusting(stack), iter(guesses), Counter()

    async def send() -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", stack.https_port, ssl=context, server_hostname="localhost"
        )
        for email, password, claims in left:
            body = httpx.QueryParams(email=email, password=password, csrf_token=token)
            head = {
                "Host": "localhost",
                "Cookie": cookies,
                "Content-Type": "application/x-www-form-urlencoded",
                "Content-Length": str(len(str(body))),
                # Without it the proxy asks the web for gzip, and sends on what it unpacks in
                # chunks, which nothing below takes apart.
                "Accept-Encoding": "identity",
                **claims,
            }
            lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            writer.write(f"POST /login HTTP/1.1\r\n{lines}\r\n{body}".encode())
            answer = (await reader.readuntil(b"\r\n\r\n")).decode()
            got[int(answer.split()[1])] += 1
            length = re.search(r"(?i)content-length: (\d+)", answer)
            await reader.readexactly(int(length[1]) if length else 0)
        writer.close()

    async with asyncio.timeout(120):
        await asyncio.gather(*(send() for _ in range(connections)))
    return got


def test_another_spelling_of_a_user_is_the_same_user(hostile: Stack) -> None:
    spellings = [
        "viewer@example.org",
        "VIEWER@example.org",
        " viewer@EXAMPLE.ORG ",
        "viewer@\uff45xample.org",
        "viewer@e\uff58ample.org",
        "viewer@ex\uff41mple.org",
    ]
    client = hostile.client()
    words = {"password": "wrong", "csrf_token": token_of(client)}
    forget_failures(hostile)
    answers = Counter()
    for email in islice(cycle(spellings), PER_USER + len(spellings)):
        # The proxy says 429 in words of its own and without a request id: that one is not meant.
        answers[web_answers(client, {**words, "email": email}).status_code] += 1
    assert answers[200] == PER_USER, answers
    forget_failures(hostile)


def web_answers(client: httpx.Client, words: dict[str, str]) -> httpx.Response:
    def send() -> httpx.Response | None:
        answer = client.post("/login", data=words)
        return answer if "x-request-id" in answer.headers else None

    return wait_until(send, "the proxy lets a request through")


def test_a_user_is_guarded_against_guesses_from_many_addresses(hostile: Stack) -> None:
    """Containers on the proxy's own network are clients with addresses of their own."""
    forget_failures(hostile)
    client = hostile.client()
    token, cookies = token_of(client), hostile.cookies(client)
    image = hostile.inspect("web")["Config"]["Image"]
    looked_at = Counter()
    for turn in range(3):
        printed = docker(
            *("run", "--rm", "--network", f"{hostile.project}_public", image, "python", "-c"),
            GUESSES,
            token,
            cookies,
            str(turn),
        )
        looked_at.update(printed.split())
    assert looked_at["200"] == PER_USER, looked_at
    assert looked_at["429"] == 3 * 6 - PER_USER
    # The owner has come from this address before.
    assert hostile.log_in(hostile.client(), "viewer@example.org", PASSWORD).status_code == 302
    forget_failures(hostile)


GUESSES = """
import http.client, ssl, sys
from urllib.parse import urlencode
token, cookies, turn = sys.argv[1:]
context = ssl._create_unverified_context()
for n in range(6):
    line = http.client.HTTPSConnection("traefik", 8443, context=context, timeout=20)
    body = urlencode({"email": "viewer@example.org", "password": turn, "csrf_token": token})
    kind = "application/x-www-form-urlencoded"
    headers = {"Host": "localhost", "Cookie": cookies, "Content-Type": kind}
    line.request("POST", "/login", body, headers)
    print(line.getresponse().status)
"""


# Behind another proxy: the last of all, since the stack is told of it and started again


class Front(BaseHTTPRequestHandler):
    """One request passed on, as a proxy in front of the stack does; its server knows where to."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        told = self.headers.get("X-Forwarded-For")
        passed = {name: value for name, value in self.headers.items() if name != "X-Forwarded-For"}
        visitor = self.client_address[0]
        passed["X-Forwarded-For"] = f"{told}, {visitor}" if told else visitor
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        line = http.client.HTTPSConnection(
            "localhost", self.server.behind.https_port, context=self.server.context, timeout=20
        )
        with closing(line):
            line.request(self.command, self.path, body or None, passed)
            answer = line.getresponse()
            text = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def front(hostile: Stack) -> Iterator[int]:
    """The port of a second proxy on this host, which the stack trusts and names in its links."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    server.behind, server.context = hostile, trusting(hostile)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(hostile.secrets / "tls.pem", hostile.secrets / "tls.key")
    server.socket = own.wrap_socket(server.socket, server_side=True)
    port = server.server_port
    thread = Thread(target=server.serve_forever)
    thread.start()
    with (hostile.directory / ".env").open("a") as settings:
        settings.write(f"TRUSTED_PROXIES=127.0.0.1\nPUBLIC_PORT={port}\n")
    done = hostile.compose("up", "-d", "--no-deps", "--wait", "traefik", "web")
    assert done.returncode == 0, done.stderr
    ready = lambda: hostile.visitor.get("/health/ready").status_code == 200  # noqa: E731
    wait_until(ready, "the stack serves again")
    yield port
    server.shutdown()
    thread.join()
    server.server_close()


def test_visitors_of_a_trusted_proxy_count_apart_and_links_carry_its_port(
    hostile: Stack, front: int
) -> None:
    forget_failures(hostile)
    guesser, other = (visiting(hostile, front, address) for address in ("127.0.0.2", "127.0.0.3"))
    token, answers = token_of(guesser), []
    # A minute may end in between, and its count with it.
    while 429 not in answers and len(answers) < 3 * PER_ADDRESS:
        # What a visitor claims moves nobody's count: the proxy's own word is the last.
        guesser.headers["X-Forwarded-For"] = f"203.0.113.{len(answers)}"
        words = guess(f"user{len(answers)}@example.org", "wrong", token)
        answers.append(web_answers(guesser, words).status_code)
    assert answers[-1] == 429, answers
    answer = hostile.log_in(other, "viewer@example.org", PASSWORD)
    assert answer.status_code == 302, "somebody else's guesses are not this visitor's"
    seen = hostile.sql("select current_login_ip from users where email = 'viewer@example.org'")
    assert seen == [("127.0.0.3",)]

    led = visiting(hostile, front, "127.0.0.4").get("/pgadmin/", headers=HTML)
    assert led.headers["location"].startswith(f"https://localhost:{front}/login?next=")
    elsewhere = hostile.raw("GET", "/", {"Host": "10.0.0.1"})
    assert f"https://localhost:{front}/" in elsewhere.text
    before = link_mailed(hostile)
    words = {"email": "viewer@example.org", "csrf_token": token_of(other, "/recover")}
    in_place(other.post("/recover", data=words), 200, 302)
    mail = lambda: (link := link_mailed(hostile)) != before and link  # noqa: E731
    assert wait_until(mail, "a mail has come").startswith(f"https://localhost:{front}/recover/")


def visiting(stack: Stack, port: int, address: str) -> httpx.Client:
    """A browser on another address of this host, which has all of 127.0.0.0/8."""
    return httpx.Client(
        base_url=f"https://localhost:{port}",
        transport=httpx.HTTPTransport(verify=trusting(stack), local_address=address),
        timeout=20,
    )
