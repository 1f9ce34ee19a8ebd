"""What a hostile client sends with, and how the answers that it gets are judged."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable

import httpx

from tests.stack import TOKEN_FIELD, Stack, wait_until

HTML = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
# auth/limits.py: failures a minute.
PER_ADDRESS, PER_USER = 30, 10
# A view that everybody may call and that refuses what has no token: 400.
POST = b"POST /logout HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


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
    document = answer.json()
    assert document["status"] == status
    assert document["request_id"] == answer.headers["x-request-id"]
    return document


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
    flush = "REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli -n 2 flushdb"
    done = stack.exec("redis", "sh", "-c", flush)
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


def link_mailed(stack: Stack) -> str | None:
    """The link of the newest mail."""
    ask = "from urllib.request import urlopen as o; print(o('http://localhost:9000/mail').read().decode())"
    done = stack.exec("platform", "python", "-c", ask)
    found = re.findall(r"https?://[^\s\\\"]+/recover/[^\s\\\"]+", done.stdout)
    return found[-1] if found else None


def guess(email: str, password: str, token: str) -> dict[str, str]:
    return {"email": email, "password": password, "csrf_token": token}


def web_answers(client: httpx.Client, words: dict[str, str]) -> httpx.Response:
    def send() -> httpx.Response | None:
        answer = client.post("/login", data=words)
        return answer if "x-request-id" in answer.headers else None

    return wait_until(send, "the proxy lets a request through")
