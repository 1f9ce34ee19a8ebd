"""pgAdmin takes its user from the proxy, request by request, and from nothing else."""

from __future__ import annotations

import contextlib
import json
import subprocess

import httpx
import pytest

from scripts.host.compose import image
from tests.pgadmin import PgAdmin
from tests.stack import ADMIN_EMAIL, Stack, wait_until

pytestmark = pytest.mark.stack

SECOND = "second@example.org"
# Status and body of one request to pgAdmin, past the proxy; the headers come on standard input.
ASK = """
import http.client, json, sys
host, path = sys.argv[1:]
connection = http.client.HTTPConnection(host, 5050, timeout=10)
connection.request("GET", path, headers=json.load(sys.stdin))
answer = connection.getresponse()
print(answer.status, answer.getheader("Content-Type"), answer.read().decode())
"""
# Starts of pgAdmin on one new volume, each with its ADMIN_EMAIL; prints the users after each.
STARTS = """
import dataclasses
from wsgi import app, settings
from converge import converge
from pgadmin.model import Server, User, db
from pgadmin.tools.user_management import create_user, delete_user

def start(email):
    converge(dataclasses.replace(settings, admin_email=email))
    rows = User.query.order_by(User.id)
    entries = [Server.query.filter_by(user_id=user.id).count() for user in rows]
    print(email, *(f"{user.id}={user.username}" for user in rows), *entries)

with app.test_request_context():
    start(settings.admin_email)
    start("new@example.org")
    create_user({"username": "second@example.org", "role": 2, "active": True,
                 "auth_source": "webserver"})
    start("second@example.org")
    start("third@example.org")
    start("new@example.org")
    start("fourth@example.org")
    delete_user(1)
    start("fifth@example.org")
"""


@pytest.fixture(scope="module")
def second(stack: Stack) -> httpx.Client:
    """Another administrator, logged in."""
    return stack.user(SECOND, "admin")


@pytest.fixture(scope="module")
def proof(stack: Stack) -> dict[str, str]:
    """What the proxy sends when the first administrator asks."""
    secret = (stack.secrets / "pgadmin_proxy_secret").read_text().strip()
    return {"X-Pgadmin-Webserver-Secret": secret, "X-Remote-User": ADMIN_EMAIL}


def test_each_administrator_finds_the_tables_under_a_name_of_their_own(
    stack: Stack, second: httpx.Client
) -> None:
    for browser, email in ((stack.http, ADMIN_EMAIL), (second, SECOND)):
        pgadmin = PgAdmin(browser)
        assert pgadmin.user == email
        assert "readings" in pgadmin.tables()


def test_an_administrator_has_one_entry_of_the_server_however_often_they_log_in(
    second: httpx.Client,
) -> None:
    for _ in range(3):
        drop_session(second)
        servers = PgAdmin(second).servers()
        assert [label for label, _ in servers] == ["Timestack"]


def test_an_administrator_does_not_reach_the_entry_of_another(
    stack: Stack, second: httpx.Client
) -> None:
    place = dict(PgAdmin(stack.http).servers())["Timestack"]
    answer = PgAdmin(second).ask("POST", f"server/connect/{place}")
    assert answer.status_code >= 400, answer.text


@pytest.mark.parametrize("path", ["", "browser/", "login", "browser/js/utils.js"])
def test_every_page_is_the_new_user_s_at_once_when_the_old_user_s_session_is_still_there(
    stack: Stack, second: httpx.Client, path: str
) -> None:
    first = PgAdmin(stack.http)
    assert first.user == ADMIN_EMAIL
    theirs = hand_over(stack.http, second)
    answer = second.get(f"/pgadmin/{path}", follow_redirects=True)
    assert answer.status_code == 200, answer.text
    assert second.cookies.get("pga4_session", path="/pgadmin") != theirs
    assert PgAdmin(second).user == SECOND
    # What the first one has open elsewhere goes on.
    assert first.ask("GET", "server_group/nodes/").status_code == 200


def test_a_page_left_open_by_the_old_user_does_nothing_for_the_new_one(
    stack: Stack, second: httpx.Client
) -> None:
    left_open = PgAdmin(stack.http)
    place = dict(left_open.servers())["Timestack"]
    hand_over(stack.http, second)
    answer = left_open.ask("POST", f"server/connect/{place}", browser=second)
    assert answer.status_code == 401, answer.text
    assert "refresh the page" in answer.text
    # A cookie here would end the session of a page that the new user is opening.
    assert "set-cookie" not in answer.headers


def test_logging_out_of_pgadmin_shows_no_log_in_form(second: httpx.Client) -> None:
    answer = second.get("/pgadmin/logout", follow_redirects=True)
    assert answer.status_code == 200
    assert 'type="password"' not in answer.text
    assert PgAdmin(second).user == SECOND


@pytest.mark.parametrize("path", ["/pgadmin/", "/pgadmin/browser/", "/pgadmin/misc/ping"])
def test_another_container_is_refused_though_it_brings_name_and_secret(
    stack: Stack, proof: dict[str, str], path: str
) -> None:
    ask = ("python", "-c", ASK, "pgadmin", path)
    done = stack.exec("flower", *ask, stdin=json.dumps(proof))
    assert done.stdout.startswith("403 text/plain"), done.stdout + done.stderr
    assert "answers only the proxy" in done.stdout


def test_another_container_is_refused_though_it_brings_an_open_session(
    stack: Stack, proof: dict[str, str]
) -> None:
    PgAdmin(stack.http)
    session = stack.http.cookies.get("pga4_session", path="/pgadmin")
    headers = {**proof, "Cookie": f"pga4_session={session}", "X-Forwarded-For": "127.0.0.1"}
    ask = ("python", "-c", ASK, "pgadmin", "/pgadmin/browser/")
    done = stack.exec("flower", *ask, stdin=json.dumps(headers))
    assert done.stdout.startswith("403 text/plain"), done.stdout + done.stderr


def test_pgadmin_s_own_container_gets_the_answer_of_its_health_check_and_no_more(
    stack: Stack, proof: dict[str, str]
) -> None:
    for path, status in (("/pgadmin/misc/ping", "200"), ("/pgadmin/browser/", "403")):
        ask = ("python3", "-c", ASK, "127.0.0.1", path)
        done = stack.exec("pgadmin", *ask, stdin=json.dumps(proof))
        assert done.stdout.startswith(status), done.stdout + done.stderr


@pytest.mark.parametrize("left_out", ["X-Remote-User", "X-Pgadmin-Webserver-Secret", None])
def test_the_proxy_itself_needs_both_name_and_secret(
    stack: Stack, proof: dict[str, str], left_out: str | None
) -> None:
    headers = {name: value for name, value in proof.items() if name != left_out}
    # A process with the proxy's address, by sharing its network; the proxy's image has no Python.
    network = f"container:{stack.inspect('traefik')['Id']}"
    done = subprocess.run(
        [
            *("docker", "run", "--rm", "-i", "--network", network),
            *(image("web"), "python", "-c", ASK, "pgadmin", "/pgadmin/browser/"),
        ],
        input=json.dumps(headers),
        capture_output=True,
        text=True,
        check=False,
    )
    expected = "403 text/plain" if left_out else "200 text/html"
    assert done.stdout.startswith(expected), done.stdout + done.stderr
    assert 'type="password"' not in done.stdout


def test_a_restart_leaves_both_users_and_their_entries_as_they_are(
    stack: Stack, second: httpx.Client
) -> None:
    before = [PgAdmin(browser).servers() for browser in (stack.http, second)]
    stack.compose("restart", "pgadmin")
    wait_until(lambda: stack.states()["pgadmin"] == "healthy", "pgAdmin is healthy again")
    for browser, servers in zip((stack.http, second), before, strict=True):
        assert PgAdmin(browser).servers() == servers


def test_the_first_user_follows_admin_email_and_no_other_person_s_does(stack: Stack) -> None:
    secrets = ("db_pgadmin_password", "pgadmin_proxy_secret", "ca.pem")
    mounts = [f"--volume={stack.secrets / name}:/run/secrets/{name}:ro" for name in secrets]
    done = subprocess.run(
        [
            *("docker", "run", "--rm", "-i", "--network", "none", *mounts),
            *("--tmpfs", "/tmp:mode=1777", "--env", "ADMIN_EMAIL=Old@example.org"),
            *(image("pgadmin"), "python", "-"),
        ],
        input=STARTS,
        capture_output=True,
        text=True,
        check=False,
    )
    # A new volume has words of its own to say first.
    assert [line for line in done.stdout.splitlines() if "@" in line] == [
        "old@example.org 1=old@example.org 1",
        "new@example.org 1=new@example.org 1",
        "second@example.org 1=new@example.org 2=second@example.org 1 1",
        "third@example.org 1=new@example.org 2=second@example.org 1 1",
        "new@example.org 1=new@example.org 2=second@example.org 1 1",
        "fourth@example.org 1=fourth@example.org 2=second@example.org 1 1",
        "fifth@example.org 2=second@example.org 1",
    ], done.stderr


def drop_session(browser: httpx.Client) -> None:
    """Forget pgAdmin's cookie, if there is one."""
    with contextlib.suppress(KeyError):
        browser.cookies.delete("pga4_session", domain="localhost.local", path="/pgadmin")


def hand_over(old: httpx.Client, new: httpx.Client) -> str:
    """Put the cookie of one browser's pgAdmin session into another; return it."""
    session = old.cookies.get("pga4_session", path="/pgadmin")
    drop_session(new)
    new.cookies.set("pga4_session", session, domain="localhost.local", path="/pgadmin")
    return session
