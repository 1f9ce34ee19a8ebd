"""One request id from the proxy through the web to the worker, in lines that a program can read."""

from __future__ import annotations

import json
import re
import secrets
from subprocess import run
from uuid import uuid4

import pytest

from tests.stack import Stack, wait_until

pytestmark = pytest.mark.stack

OURS = (
    *("traefik", "web", "worker", "worker-long", "worker-owner", "worker-forecast", "beat"),
    *("flower", "platform"),
)
MADE_BY_THE_WEB = re.compile(r"[0-9a-f]{32}")
FORGED = '{"time": "2026-01-01T00:00:00Z", "level": "forged", "message": "forged"}'
HOSTILE = {
    "quotes": f'x", "level": "forged", "y": "{FORGED}',
    "10 kB": "x" * 10_240,
    "folded lines": f"x\r\n {FORGED}\r\n\t{FORGED}",
    "a control character": "x\x1b[31m\x07",
    "an encoded newline": f"x%0a{FORGED}%0d%0a",
    "a lone surrogate's bytes": "x\xed\xa0\x80\xff",
    "a format": "%(levelname)s {0} ${jndi:ldap://x} %s%n",
    "nothing": "",
    "too short": "abc",
    "a path": "../../etc/passwd",
}


def written(stack: Stack, service: str) -> list[str]:
    """The lines of a service's log."""
    done = run(
        ["docker", "logs", stack.inspect(service)["Id"]], capture_output=True, text=True, check=True
    )
    # Not splitlines: it would also cut at characters that JSON leaves as they are.
    return [line for line in (done.stdout + done.stderr).split("\n") if line]


def events(stack: Stack, service: str) -> list[dict]:
    """The lines of a service's log, each of which must be one JSON object."""
    found = []
    for line in written(stack, service):
        try:
            event = json.loads(line)
        except ValueError:
            pytest.fail(f"{service} wrote a line that is not JSON: {line[:500]}")
        assert isinstance(event, dict), line
        found.append(event)
    return found


def in_traefik(stack: Stack, id: str) -> list[dict]:
    """The proxy's access lines of what was answered under a request id."""
    return wait_until(
        lambda: [
            line for line in events(stack, "traefik") if line.get("downstream_X-Request-Id") == id
        ],
        f"Traefik has written its line of {id}",
    )


def in_ours(stack: Stack, service: str, id: str) -> list[dict]:
    return [line for line in events(stack, service) if line.get("request_id") == id]


@pytest.mark.parametrize("service", OURS)
def test_every_line_is_one_json_object_with_a_time_and_a_level(stack: Stack, service: str) -> None:
    assert stack.visitor.get("/").status_code == 200
    lines = events(stack, service)
    assert lines
    for line in lines:
        # Traefik's own lines give the offset of UTC as Z, too.
        assert line["time"].endswith("Z"), line
        assert line["level"] in ("debug", "info", "warn", "warning", "error", "critical"), line


@pytest.mark.parametrize("given", [True, False], ids=["the client's id", "the web's own id"])
def test_a_job_has_one_request_id_from_the_proxy_to_the_worker(stack: Stack, given: bool) -> None:
    id = f"chain-{uuid4()}" if given else ""
    headers = {"X-Request-Id": id} if given else {}
    answer = stack.http.post("/api/v1/jobs", json={"kind": "rollups.refresh"}, headers=headers)
    assert answer.status_code == 202, answer.text
    assert answer.headers["x-request-id"] == (id or answer.headers["x-request-id"])
    id = answer.headers["x-request-id"]
    assert answer.json()["request_id"] == id

    (line,) = in_traefik(stack, id)
    assert line.get("request_X-Request-Id") == (id if given else None)
    assert (line["RequestMethod"], line["RequestPath"]) == ("POST", "/api/v1/jobs")
    assert line["DownstreamStatus"] == 202

    (line,) = (each for each in in_ours(stack, "web", id) if each["logger"] == "timestack.access")
    assert (line["method"], line["path"], line["status"]) == ("POST", "/api/v1/jobs", 202)

    of_the_job(stack, "rollups.refresh", id)


def of_the_job(stack: Stack, task: str, id: str) -> None:
    """The worker logs that it received and finished a task under this id, and under no other."""
    end = wait_until(
        lambda: [line for line in in_ours(stack, "worker", id) if "succeeded" in line["message"]],
        f"the worker logs the end of {id}",
    )
    number = re.search(rf"{re.escape(task)}\[([0-9a-f-]+)\]", end[0]["message"])[1]
    lines = [line for line in events(stack, "worker") if number in line["message"]]
    assert "received" in lines[0]["message"]
    assert [line.get("request_id") for line in lines] == [id] * len(lines)


def test_a_mail_has_the_request_id_of_whoever_asked_for_it(stack: Stack) -> None:
    assert stack.viewer.get("/account").status_code == 200
    client = stack.client()
    id = client.headers["X-Request-Id"] = f"mail-{uuid4()}"
    answer = stack.submit(client, "/recover", {"email": "viewer@example.org"})
    assert answer.status_code in (200, 302)
    of_the_job(stack, "mail.send", id)


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_request_id_is_replaced_and_breaks_no_line(stack: Stack, value: str) -> None:
    path = f"/version?{uuid4()}"
    answer = stack.raw("GET", path, {"X-Request-Id": value})
    id = answer.getheader("X-Request-Id")
    if "\x1b" in value:
        # The proxy's server takes no such header: no service behind it is asked.
        assert (answer.status, id) == (400, None)
        return
    assert MADE_BY_THE_WEB.fullmatch(id), (answer.status, id)
    (line,) = in_traefik(stack, id)
    assert line["RequestPath"].startswith("/version")
    (line,) = in_ours(stack, "web", id)
    assert line["path"] == "/version"
    for service in ("traefik", "web"):
        assert "forged" not in {line["level"] for line in events(stack, service)}
    assert "forged" not in "".join(written(stack, "web"))


def test_of_two_request_ids_neither_is_believed(stack: Stack) -> None:
    ids = [f"first-{uuid4()}", f"second-{uuid4()}"]
    answer = stack.visitor.get("/version", headers=[("X-Request-Id", id) for id in ids])
    assert MADE_BY_THE_WEB.fullmatch(answer.headers["x-request-id"])


@pytest.mark.parametrize("name", ["password", "token", "new_password"])
def test_what_stands_in_a_query_is_in_no_log(stack: Stack, name: str) -> None:
    secret = secrets.token_urlsafe(32)
    for client in (stack.visitor, stack.http):
        for path in (
            *("/", "/login", "/dash/sensors", "/api/v1/jobs", "/recover", "/nowhere"),
            *("/pgadmin/", "/pgadmin/nowhere", "/flower/", "/flower/nowhere", "/traefik/api/none"),
        ):
            answer = client.get(f"{path}?email=a@example.org&{name}={secret}")
            assert answer.status_code < 500, path
    stack.visitor.post(f"/login?{name}={secret}", data={"csrf_token": "none"})
    stack.raw("GET", f"/flower/?{name}={secret}", {"Host": "evil.example"})
    last = stack.visitor.get("/version").headers["x-request-id"]
    assert in_traefik(stack, last)
    for service in (*OURS, "pgadmin"):
        assert secret not in "\n".join(written(stack, service)), service


def test_the_token_of_a_mailed_link_is_in_no_log(stack: Stack) -> None:
    token = secrets.token_urlsafe(48)
    for path in (f"/recover/{token}", f"/recover/{token}/", f"/recover/{token}?x=1"):
        assert stack.visitor.get(path).status_code < 500
        assert stack.visitor.post(path, data={"csrf_token": "none"}).status_code < 500
    last = stack.visitor.get("/version").headers["x-request-id"]
    assert in_traefik(stack, last)
    for service in OURS:
        assert token not in "\n".join(written(stack, service)), service
