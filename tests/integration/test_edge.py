"""What a client on the network meets: the proxy's published ports and nothing else."""

from __future__ import annotations

import gzip
import math
import re
import socket
import ssl
from urllib.parse import urljoin

import brotli
import httpx
import pytest

from tests.stack import Stack

pytestmark = pytest.mark.stack

FILES = re.compile(r'(?:href|src)="([^"]+\.(?:css|js|svg)[^"]*)"')


def test_the_landing_page_answers_over_http2_with_the_local_certificate(stack: Stack) -> None:
    answer = stack.visitor.get("/")
    assert answer.status_code == 200
    assert answer.http_version == "HTTP/2"
    assert "Timestack" in answer.text


def test_plain_http_is_redirected_to_the_published_https_port(stack: Stack) -> None:
    answer = httpx.get(f"http://localhost:{stack.http_port}/dash/sensors?a=1")
    assert answer.status_code in (301, 308)
    assert answer.headers["location"] == f"https://localhost:{stack.https_port}/dash/sensors?a=1"


def test_the_usual_security_headers_are_on_every_answer(stack: Stack) -> None:
    for path in ("/", "/dash/", "/health/live", "/no-such-page"):
        headers = stack.http.get(path, follow_redirects=True).headers
        assert "max-age=" in headers["strict-transport-security"], path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"], path
        framing = headers.get("x-frame-options", "") + headers.get("content-security-policy", "")
        assert "DENY" in framing or "SAMEORIGIN" in framing or "frame-ancestors" in framing, path
        assert "server" not in headers, path
        assert "x-powered-by" not in headers, path


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1"])
@pytest.mark.parametrize("path", ["/", "/account", "/pgadmin/", "/auth/pgadmin"])
def test_a_host_that_is_not_ours_is_told_the_name_that_is_served_and_nothing_else(
    stack: Stack, host: str, path: str
) -> None:
    cookies = stack.cookies(stack.http)
    answer = stack.raw("GET", path, {"Host": host, "Cookie": cookies, "X-Forwarded-Uri": "/"})
    assert answer.status == 404
    assert answer.getheader("Content-Type").startswith("text/plain")
    assert f"{stack.url}/" in answer.text.splitlines()
    assert host not in answer.text
    assert not answer.getheader("Set-Cookie")
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.http_port}", timeout=60) as plain:
        assert plain.get(path, headers={"Host": host}).text == answer.text
    assert stack.raw("POST", path, {"Host": host}).text == "404 page not found\n"


def test_the_page_for_another_name_is_not_there_under_ours(stack: Stack) -> None:
    for path in ("/auth/elsewhere", "/auth/broken", "/auth/failed"):
        assert stack.raw("GET", path).text == "404 page not found\n"


def test_tls_below_1_2_is_refused(stack: Stack) -> None:
    context = ssl.create_default_context(cafile=str(stack.secrets / "ca.pem"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.deprecated_call():
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", stack.https_port), timeout=5) as raw,
        pytest.raises(ssl.SSLError, match=r"(?i)alert.protocol.version"),
    ):
        context.wrap_socket(raw, server_hostname="localhost")


@pytest.mark.parametrize("path", ["/", "/dash/_dash-dependencies", "/flower/"])
def test_text_is_compressed_when_the_client_can_read_it(stack: Stack, path: str) -> None:
    answer = stack.http.get(path, headers={"Accept-Encoding": "gzip"})
    assert answer.headers.get("content-encoding") == "gzip"


UNPACK = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}


@pytest.mark.parametrize(
    ("accepted", "used"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("br", "br"),
        ("gzip", "gzip"),
        ("zstd", None),
        ("identity", None),
        ("br;q=0, gzip", "gzip"),
        ("*;q=0, identity", None),
    ],
)
def test_files_are_sent_as_the_build_compressed_them_and_kept_for_a_year(
    stack: Stack, accepted: str, used: str | None
) -> None:
    page = stack.http.get("/dash/sensors").text
    files = [path for path in FILES.findall(page) if not path.endswith(".svg")]
    assert len({path.split("/")[1] for path in files}) == 3, files
    for path in files:
        with stack.http.stream("GET", path, headers={"Accept-Encoding": accepted}) as answer:
            sent = b"".join(answer.iter_raw())
        plain = stack.http.get(path, headers={"Accept-Encoding": "identity"}).content
        # What is short is sent as it is.
        if len(plain) <= 1024:
            continue
        assert answer.headers.get("content-encoding") == used, path
        assert UNPACK[used](sent) == plain, path
        assert "max-age=31536000" in answer.headers["cache-control"], path
        assert "immutable" in answer.headers["cache-control"], path
        assert "accept-encoding" in answer.headers["vary"].lower(), path


def test_the_proxys_runtime_knows_the_containers_memory_and_processors(stack: Stack) -> None:
    read = "cat /proc/[0-9]*/environ | tr '\\0' '\\n'"
    variables = stack.exec("traefik", "sh", "-c", read).stdout.split()
    limits = stack.inspect("traefik")["HostConfig"]
    assert f"GOMEMLIMIT={limits['Memory'] // 5 * 4}" in variables
    assert "GOGC=200" in variables
    assert f"GOMAXPROCS={math.ceil(limits['NanoCpus'] / 1e9)}" in variables


# A page of each service behind the door, and where it has the files that never change.
BEHIND = {
    "/pgadmin/browser/": "/pgadmin/static/",
    "/flower/": "/flower/static/",
    "/traefik/dashboard/": "assets/",
}


@pytest.mark.parametrize("path", BEHIND)
def test_pages_behind_the_door_are_kept_by_no_cache_and_their_files_are(
    stack: Stack, path: str
) -> None:
    page = stack.http.get(path)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    found = re.findall(r'(?:src|href)="(?:\./)?([^"]+\.(?:js|css)[^"]*)"', page.text)
    files = [file for file in found if file.startswith(BEHIND[path])]
    assert files, found
    file = stack.http.get(urljoin(path, files[0]))
    assert file.status_code == 200, files[0]
    assert "no-store" not in file.headers.get("cache-control", "")
    refused = stack.visitor.get(urljoin(path, files[0]))
    assert refused.status_code in (302, 401)
    assert "no-store" in refused.headers["cache-control"]


def test_a_body_over_the_limit_is_refused(stack: Stack) -> None:
    headers = {"Content-Length": str(40 << 20), "Expect": "100-continue"}
    assert stack.raw("POST", "/api/v1/jobs", headers).status == 413


@pytest.mark.parametrize(
    "path",
    ["/pgadmin/", "/pgadmin/browser/", "//pgadmin/", "/pgadmin/./misc/ping", "/%70gadmin/"],
)
def test_pgadmin_opens_for_the_admin_alone(stack: Stack, path: str) -> None:
    spoof = {"X-Remote-User": "admin@example.org", "X-Forwarded-User": "admin@example.org"}
    for headers in ({}, spoof, {"Authorization": "Basic YWRtaW46YWRtaW4="}):
        answer = stack.raw("GET", path, headers)
        assert answer.status in (301, 302, 307, 308, 400, 401, 404), (headers, answer.text[:200])
        assert "pgAdmin" not in answer.text
        if answer.status < 400:
            location = answer.headers["Location"]
            if "/login?next=" not in location:
                # The proxy cleans the path first; what it leads to is as closed.
                location = stack.raw("GET", location, headers).headers["Location"]
            assert location.startswith(f"{stack.url}/login?next=")


def test_nothing_but_the_proxy_publishes_a_port_and_only_on_loopback(stack: Stack) -> None:
    published = {
        container["Config"]["Labels"]["com.docker.compose.service"]: bindings
        for container in stack.inspect_all()
        if (
            bindings := [
                b for ports in container["NetworkSettings"]["Ports"].values() for b in ports or []
            ]
        )
    }
    assert set(published) == {"traefik"}
    assert {binding["HostIp"] for binding in published["traefik"]} == {"127.0.0.1"}
