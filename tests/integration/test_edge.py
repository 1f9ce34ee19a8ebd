"""What a client on the network meets: the proxy's published ports and nothing else."""

from __future__ import annotations

import socket
import ssl

import httpx
import pytest

from tests.stack import Stack

pytestmark = pytest.mark.stack


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
def test_a_host_that_is_not_ours_is_not_served(stack: Stack, host: str) -> None:
    assert stack.http.get("/", headers={"Host": host}).status_code == 404


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


def test_text_is_compressed_when_the_client_can_read_it(stack: Stack) -> None:
    answer = stack.http.get("/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers.get("content-encoding") == "gzip"


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
