"""Behind another proxy: the stack is configured for it, and afterwards is as before."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

from tests.attacker import (
    HTML,
    PER_ADDRESS,
    forget_failures,
    guess,
    in_place,
    link_mailed,
    token_of,
    trusting,
    web_answers,
)
from tests.stack import PASSWORD, Stack, wait_until

pytestmark = pytest.mark.stack


class Front(BaseHTTPRequestHandler):
    """One request passed on, as a proxy in front of the stack does; its server knows where to."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        forwarded = self.headers.get("X-Forwarded-For")
        passed = {name: value for name, value in self.headers.items() if name != "X-Forwarded-For"}
        visitor = self.client_address[0]
        passed["X-Forwarded-For"] = f"{forwarded}, {visitor}" if forwarded else visitor
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        line = http.client.HTTPSConnection(
            "localhost", self.server.behind.https_port, context=self.server.context, timeout=60
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
    settings = hostile.directory / ".env"
    before = settings.read_text()
    try:
        settings.write_text(f"{before}TRUSTED_PROXIES=127.0.0.1\nPUBLIC_PORT={port}\n")
        take_over_settings(hostile)
        yield port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        settings.write_text(before)
        take_over_settings(hostile)


def take_over_settings(stack: Stack) -> None:
    """Have the proxy and the web made again as `.env` says now."""
    done = stack.compose("up", "-d", "--no-deps", "--wait", "traefik", "web")
    assert done.returncode == 0, done.stderr
    ready = lambda: stack.visitor.get("/health/ready").status_code == 200  # noqa: E731
    wait_until(ready, "the stack serves again")


def test_visitors_of_a_trusted_proxy_count_apart_and_links_carry_its_port(
    hostile: Stack, front: int
) -> None:
    forget_failures(hostile)
    guesser, other = (visiting(hostile, front, address) for address in ("127.0.0.2", "127.0.0.3"))
    token, answers = token_of(guesser), []
    # A minute may end in between, and its count with it.
    while 429 not in answers and len(answers) < 3 * PER_ADDRESS:
        # What a visitor claims changes no count: the address that the proxy adds comes last.
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
        timeout=60,
    )
