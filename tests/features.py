"""Every feature of a stack used, and made to fail, so that a secret shows wherever it ever can."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import httpx
import pytest

from tests.canaries import Aviary
from tests.stack import ADMIN_EMAIL, TOKEN_FIELD, ready_for_api, wait_until

LINK = re.compile(r"https://\S+/recover/(\S+)")
HTML = {"Accept": "text/html"}
PLACES = ("/login", "/dash/sensors", "/api/v1/jobs", "/pgadmin/", "/flower/", "/nowhere")


def use(stack: Aviary) -> None:
    """Run them all, and add the secrets made on the way to the canaries of `stack`."""
    admin = use_users(stack)
    link = use_mail(stack, admin)
    use_notifications(stack)
    use_pages_and_api(admin)
    use_pgadmin(admin)
    use_flower(stack, admin)
    use_proxy(admin)
    make_errors(stack, admin, link)
    take_services_away(stack, admin)
    use_flower(stack, admin)
    # Last, since it resets the administrator's password.
    use_provisioner(stack)
    stack.canaries |= {
        f"cookie {number}": value
        for number, value in enumerate(
            {
                cookie.value
                for cookie in admin.cookies.jar
                if cookie.name == f"__Host-timestack-{stack.https_port}" and cookie.value
            }
        )
    }


def use_users(stack: Aviary) -> httpx.Client:
    """Log in, be refused, change the password; the client that is logged in as administrator."""
    known = stack.canaries
    first, new = known["admin_password"], known["new"]
    assert stack.log_in(stack.client(), ADMIN_EMAIL, known["wrong"]).status_code == 200
    assert stack.log_in(stack.client(), known["as mail"], known["wrong"]).status_code == 200
    as_json = stack.client()
    token = TOKEN_FIELD.search(as_json.get("/login").text)[1]
    for body in ({"email": ADMIN_EMAIL, "password": known["wrong"]}, [known["wrong"]]):
        answer = as_json.post("/login", json=body, headers={"X-CSRFToken": token})
        assert answer.status_code == 400
    admin = stack.client()
    assert stack.log_in(admin, ADMIN_EMAIL, first).status_code == 302
    for words, status in (
        ((known["wrong"], new, new), 200),
        ((first, new, known["differs"]), 200),
        ((first, new, new), 302),
    ):
        names = ("password", "new_password", "new_password_confirm")
        form = dict(zip(names, words, strict=True))
        assert stack.submit(admin, "/account/password", form).status_code == status
    assert stack.log_in(stack.client(), ADMIN_EMAIL, first).status_code == 200
    register(stack, "viewer@example.org", known["registered"], 302)
    register(stack, "viewer@example.org", known["registered"], 200)
    register(stack, "no address", known["registered"], 200)
    # A form that somebody's script sends as an address.
    in_a_query = quote(known["in a query"])
    for parameter in ("password", "token"):
        for path in PLACES:
            address = f"{path}?email={quote(ADMIN_EMAIL)}&{parameter}={in_a_query}"
            assert stack.visitor.get(address, headers=HTML).status_code < 500
            assert admin.get(address, headers=HTML).status_code < 500
        answer = stack.visitor.post(f"/login?{parameter}={in_a_query}", data={"csrf_token": "x"})
        assert answer.status_code == 400
        answer = admin.get(f"/flower/nowhere?{parameter}={in_a_query}")
        assert answer.status_code == 404
    return ready_for_api(admin)


def register(stack: Aviary, email: str, password: str, status: int) -> None:
    words = {"email": email, "password": password, "password_confirm": password}
    answer = stack.submit(stack.client(), "/register", words)
    assert answer.status_code == status, answer.text


def mails(stack: Aviary) -> list[dict]:
    """What the simulated mail server has got, oldest first."""
    code = (
        "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9000/mail').read().decode())"
    )
    done = stack.exec("platform", "python", "-c", code)
    return json.loads(done.stdout) if done.returncode == 0 else []


def use_mail(stack: Aviary, admin: httpx.Client) -> str:
    """Recover a password; and once more while the mail server is away, so that it is retried.

    Returns the path of the second link, which is still good.
    """
    known = stack.canaries

    def recover(number: int) -> str:
        answer = stack.submit(stack.client(), "/recover", {"email": "viewer@example.org"})
        assert answer.status_code in (200, 302)
        if number:
            # The worker's queues show that a mail waits, and not what it says.
            wait_until(lambda: waiting(admin), "the mail waits to be tried again")
            admin.get(f"/flower/worker/{quote(worker_of(admin))}", headers=HTML)
            assert stack.compose("start", "platform").returncode == 0
        sent = wait_until(
            lambda: [found for mail in mails(stack) if (found := LINK.search(mail["text"]))],
            "the mail has come",
            deadline=120,
        )
        link, token = sent[-1][0], sent[-1][1]
        known[f"link {number}"] = token
        return link.removeprefix(stack.url)

    link = recover(0)
    client = stack.client()
    words = {"password": known["recovered"], "password_confirm": known["differs"]}
    assert stack.submit(client, link, words).status_code == 200
    words["password_confirm"] = known["recovered"]
    assert stack.submit(client, link, words).status_code == 302
    assert stack.client().get(link, headers=HTML).status_code == 302
    assert stack.log_in(stack.client(), "viewer@example.org", known["recovered"]).status_code == 302
    assert stack.compose("stop", "platform").returncode == 0
    link = recover(1)
    assert stack.client().get(link, headers=HTML).status_code == 200
    return link


def use_notifications(stack: Aviary) -> None:
    """Send one by each channel; then by a webhook that refuses it, and by one that fails."""
    trial = ("exec", "-T", "worker", "python", "-m", "timestack.tasks.trial")
    for fault, code in ((None, 0), ("401", 1), ("500", 1), (None, 0)):
        order = (
            "import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:9000/api/faults',"
            f" {json.dumps({'hooks': fault})!r}.encode(), {{'Content-Type': 'application/json'}}))"
        )
        done = stack.compose("exec", "-T", "platform", "python", "-c", order)
        assert done.returncode == 0, done.stderr
        done = stack.compose(*trial)
        assert done.returncode == code, done.stdout + done.stderr


def waiting(admin: httpx.Client) -> bool:
    """Whether Flower shows a mail that is to be tried again."""
    name = worker_of(admin)
    answer = admin.get("/flower/api/workers", params={"refresh": "1", "workername": name})
    return "mail.send" in json.dumps(answer.json().get(name, {}).get("scheduled"))


def worker_of(admin: httpx.Client) -> str:
    """The name of the worker that sends mails, once Flower knows it."""

    def found() -> str | None:
        workers = admin.get("/flower/api/workers?refresh=1").json()
        return next((name for name, each in workers.items() if "mail" in queues(each)), None)

    return wait_until(found, "Flower knows the worker")


def queues(worker: dict) -> set[str]:
    """The queues that a worker takes messages from."""
    return {queue["name"] for queue in worker.get("active_queues") or ()}


def use_pages_and_api(admin: httpx.Client) -> None:
    answer = admin.post("/api/v1/jobs", json={"kind": "rollups.refresh"})
    assert answer.status_code == 202, answer.text
    job = answer.headers["location"]
    job = job[job.index("/api/") :]
    wait_until(lambda: admin.get(job).json()["state"] == "succeeded", "the job ends")
    for path in (
        *("/", "/account", "/api/v1/jobs", "/version", "/health/ready", "/health/live"),
        *("/dash/sensors", "/dash/_dash-layout", "/dash/_dash-dependencies"),
    ):
        assert admin.get(path).status_code == 200, path
    for callback in admin.get("/dash/_dash-dependencies").json():
        body = {"output": callback["output"], "inputs": callback["inputs"], "changedPropIds": []}
        assert admin.post("/dash/_dash-update-component", json=body).status_code < 600


def use_pgadmin(admin: httpx.Client) -> None:
    """Open it, connect to the database and look at every page that shows settings."""
    for path in ("", "browser/", "about/", "settings/get_tree_state/", "preferences/get_all"):
        assert admin.get(f"/pgadmin/{path}", follow_redirects=True).status_code < 500, path
    script = admin.get("/pgadmin/browser/js/utils.js").text
    token = re.search(r"\['csrf_token'\] = '([^']+)'", script)[1]
    headers = {"X-pgA-CSRFToken": token, "Referer": str(admin.base_url.join("/pgadmin/browser/"))}

    def ask(method: str, path: str) -> httpx.Response:
        answer = admin.request(method, f"/pgadmin/browser/{path}", headers=headers)
        assert answer.status_code == 200, (path, answer.text)
        return answer

    group = ask("GET", "server_group/nodes/").json()["data"][0]["_id"]
    server = ask("GET", f"server/nodes/{group}/").json()["result"][0]["_id"]
    place = f"{group}/{server}"
    ask("GET", f"server/obj/{place}")
    ask("GET", f"server/connect/{place}")
    assert ask("POST", f"server/connect/{place}").json()["data"]["connected"] is True
    for path in ("server/nodes/{}/", "server/obj/{}", "database/nodes/{}/", "role/nodes/{}/"):
        ask("GET", path.format(group if path.startswith("server/nodes") else place))


def use_flower(stack: Aviary, admin: httpx.Client) -> None:
    worker = quote(worker_of(admin))
    for path in (
        *("", "workers", "tasks", "broker", "healthcheck", "metrics", f"worker/{worker}"),
        *("api/workers?refresh=1", "api/workers?status=1", "api/tasks", "api/task/types"),
        *("api/queues/length", "api/tasks?limit=100", "nowhere", "worker/nobody"),
    ):
        assert admin.get(f"/flower/{path}", headers=HTML).status_code < 500, path
    for task in admin.get("/flower/api/tasks").json():
        assert admin.get(f"/flower/task/{task}").status_code == 200
        assert admin.get(f"/flower/api/task/info/{task}").status_code == 200
    assert "broker_url" in admin.get(f"/flower/worker/{worker}").text, "the configuration is shown"


def use_proxy(admin: httpx.Client) -> None:
    for path in (
        *("rawdata", "overview", "entrypoints", "version", "support-dump"),
        *("http/middlewares", "http/routers", "http/services", "tcp/routers", "certificates"),
    ):
        assert admin.get(f"/traefik/api/{path}").status_code < 500, path
    assert admin.get("/traefik/", follow_redirects=True).status_code == 200


def make_errors(stack: Aviary, admin: httpx.Client, link: str) -> None:
    for path, status in (("/api/v1/nowhere", 404), ("/nowhere", 404), ("/dash/nowhere", 404)):
        assert admin.get(path).status_code == status, path
    assert admin.post("/api/v1/jobs", content=b"{").status_code in (400, 415)
    assert admin.post("/api/v1/jobs", json={"kind": "x"}).status_code == 422
    # A statement that fails: its text and its parameters are in the traceback.
    for table in ("jobs", "logins"):
        stack.sql(f"alter table {table} rename to away")
        try:
            answers = [admin.get("/api/v1/jobs")]
            login = stack.client()
            answers.append(login.get("/login"))
            if table == "logins":
                words = {"email": ADMIN_EMAIL, "password": stack.canaries["new"]}
                answers.append(stack.log_in(login, **words))
                answers.append(admin.get("/pgadmin/"))
            else:
                answers.append(admin.post("/api/v1/jobs", json={"kind": "rollups.refresh"}))
            assert 500 in {answer.status_code for answer in answers}, answers
        finally:
            stack.sql(f"alter table away rename to {table}")
    assert admin.get("/api/v1/jobs").status_code == 200
    # The same while somebody chooses a password.
    stack.sql("alter table users rename column password to away")
    try:
        words = {"email": ADMIN_EMAIL, "password": stack.canaries["new"]}
        assert stack.log_in(stack.client(), **words).status_code == 500
        one = stack.canaries["registered"]
        words = {"email": "new@example.org", "password": one, "password_confirm": one}
        assert stack.submit(stack.client(), "/register", words).status_code == 500
        assert stack.client().get(link).status_code == 500
    finally:
        stack.sql("alter table users rename column away to password")


@contextmanager
def asking(admin: httpx.Client) -> Iterator[None]:
    """Requests that need database and broker, one after the other until the block ends."""
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            for method, path in (
                ("POST", "/api/v1/jobs"),
                ("GET", "/dash/sensors"),
                ("GET", "/health/ready"),
                ("GET", "/flower/api/workers?refresh=1"),
                ("GET", "/flower/api/queues/length"),
            ):
                try:
                    admin.request(method, path, json={"kind": "rollups.refresh"})
                except httpx.TransportError:
                    time.sleep(0.05)

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        yield
    finally:
        over.set()
        asker.join()


def take_services_away(stack: Aviary, admin: httpx.Client) -> None:
    """Restart database and broker under load; then let both refuse the password."""
    back = lambda: admin.get("/health/ready").status_code == 200  # noqa: E731
    # A connection of HTTP/2 is not for two threads.
    with asking(stack.client(http2=False, like=admin)):
        for service in ("redis", "timescaledb"):
            assert stack.compose("restart", service).returncode == 0
            wait_until(back, f"the web has {service} again")
        refuse(stack, admin)
        wait_until(back, "the passwords are right again")
    wait_until(stack.all_healthy, "every service is healthy again")
    worker_of(admin)


def refuse(stack: Aviary, admin: httpx.Client) -> None:
    """Let database and broker have another password than the services, for a moment."""
    ill = lambda: admin.get("/health/ready").status_code == 503  # noqa: E731
    redis = ("redis", "sh", "-c")
    with_password = "REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli "
    done = stack.exec(*redis, with_password + "config set requirepass another")
    assert "OK" in done.stdout, done.stdout + done.stderr
    done = stack.exec(*redis, "REDISCLI_AUTH=another redis-cli client kill type normal")
    try:
        wait_until(ill, "the broker refuses")
    finally:
        assert stack.compose("restart", "redis").returncode == 0
    roles = ("app", "pgadmin")
    for role in roles:
        stack.sql(f"alter role timestack_{role} password 'another'")
    stack.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename like 'time%'")
    try:
        wait_until(ill, "the database refuses")
        assert admin.get("/pgadmin/browser/", follow_redirects=True).status_code < 600
    finally:
        stack.provision("roles")


def use_provisioner(stack: Aviary) -> None:
    for command in (["plan"], ["plan", "--json"], ["check"], ["roles"], ["refresh"], ["up"]):
        stack.provision(*command)
    done = stack.provision("user", "editor@example.org", "--role", "editor")
    # Shown this once, to the administrator who added the user.
    stack.canaries["first password"] = re.search(r"first password (\S+)", done.stdout)[1]
    stack.provision("admin", "--reset")
    for arguments in (["user", "no address"], ["user", "e@example.org", "--account", "x" * 300]):
        with pytest.raises(AssertionError):
            stack.provision(*arguments)
