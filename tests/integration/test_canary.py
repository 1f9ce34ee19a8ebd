"""Secrets of known values, every feature run, and then a search wherever a secret could have got.

Whoever reads logs, containers, images, answers, the database, the broker or pgAdmin's volume must
find none of them: neither as it is, nor quoted for a URL, nor in base64 (by itself or as a part of
``user:password``). Each search is first shown something planted, to prove that it finds.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import threading
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen, run
from urllib.parse import quote

import httpx
import pytest

from scripts.host.credentials import RANDOM
from tests.stack import ADMIN_EMAIL, TOKEN_FIELD, Stack, docker, ready_for_api, wait_until

pytestmark = pytest.mark.stack

LINK = re.compile(r"https://\S+/recover/(\S+)")
HTML = {"Accept": "text/html"}
# What a URL or a shell would stumble over, had somebody forgotten to quote.
TAIL = "/@:%2B+"
PLACES = ("/login", "/dash/sensors", "/api/v1/jobs", "/pgadmin/", "/flower/", "/nowhere")
# Typed by a person: within the length that the forms accept.
TYPED = ("new", "wrong", "registered", "recovered", "differs", "as mail", "in a query")
# Answers that carry our proof would hand it to a browser.
PROOFS = ("x-pgadmin-webserver-secret", "authorization")
# Everything that Redis holds, read by a container that may.
DUMP_REDIS = """
import json, redis
from timestack.settings import Settings
settings = Settings.load(needs=["redis_password"])
for number in range(4):
    base = redis.Redis.from_url(settings.redis_url(number), decode_responses=True,
                                encoding_errors="replace")
    for key in base.scan_iter():
        kind = base.type(key)
        value = {
            "string": lambda: base.get(key),
            "list": lambda: base.lrange(key, 0, -1),
            "set": lambda: sorted(base.smembers(key)),
            "zset": lambda: base.zrange(key, 0, -1),
            "hash": lambda: base.hgetall(key),
            "stream": lambda: base.xrange(key),
        }[kind]()
        print(number, kind, key, value)
"""


def canary(name: str, tail: str = "") -> str:
    """A secret of 256 random bits that tells its name wherever it turns up."""
    return f"canary-{name.replace(' ', '-')}-{secrets.token_hex(32)}{tail}"


def spellings(secret: str) -> dict[str, bytes]:
    """What to search for, by the name of the spelling.

    The first half will do: a secret that is cut short is still told. In base64 a text looks in
    three ways, by the length of what stands before it; letters that mix with neighbours are left
    out.
    """
    half = secret[: max(len(secret) // 2, 16)].encode()
    found = {
        "as it is": half,
        "for a URL": quote(secret, safe="").encode(),
        "in hex": half.hex().encode(),
    }
    for before in range(3):
        for name, encode in (("in base64", b64encode), ("in base64 for a URL", urlsafe_b64encode)):
            mixed = -(-before * 4 // 3)
            found[f"{name}, {before} letters in"] = encode(b"\0" * before + half)[mixed:-4]
    return found


def search(places: Mapping[str, bytes], canaries: Mapping[str, str]) -> list[str]:
    """One sentence for each canary that is in one of the places."""
    told = []
    for name, secret in canaries.items():
        for how, text in spellings(secret).items():
            for place, content in places.items():
                at = content.find(text)
                if at >= 0:
                    around = content[max(at - 160, 0) : at + 160].decode(errors="replace")
                    told.append(f"{name} ({how}) in {place}: …{around}…")
    return told


class Aviary(Stack):
    """A stack whose secrets are canaries, and which keeps every answer that its clients get."""

    def __init__(self, directory: Path) -> None:
        self.canaries = {name: canary(name, TAIL) for name in RANDOM}
        self.answers: list[httpx.Response] = []
        self.commands: set[bytes] = set()
        folder = directory / ".secrets"
        folder.mkdir(mode=0o700)
        for name, secret in self.canaries.items():
            (folder / name).write_text(f"{secret}\n")
            (folder / name).chmod(0o444)
        self.canaries |= {name: canary(name) for name in TYPED}
        super().__init__(directory, SEED="no", REGISTRATION="yes")

    def client(self) -> httpx.Client:
        client = super().client()
        client.event_hooks = {"response": [self._keep]}
        return client

    def _keep(self, answer: httpx.Response) -> None:
        answer.read()
        self.answers.append(answer)

    # Where to search

    def service_of(self) -> dict[str, str]:
        """Container id to service, of all containers, the finished ones too."""
        return {
            each["Id"]: each["Config"]["Labels"]["com.docker.compose.service"]
            for each in self.inspect_all()
        }

    def all_logs(self) -> dict[str, bytes]:
        return {f"the log of {name}": log_of(id) for id, name in self.service_of().items()}

    def processes(self) -> dict[str, bytes]:
        """Command line and environment of what runs in each container."""
        services = self.service_of()
        return {
            f"{what} of {services[id]}: {pid}": read(Path(f"/proc/{pid}/{what}"))
            for pid, id in pids_by_container().items()
            if id in services
            for what in ("cmdline", "environ")
        }

    def watch_commands(self, over: threading.Event) -> None:
        """Collect the command line of whatever is started in a container, however briefly."""
        while not over.wait(0.2):
            for pid in pids_by_container():
                self.commands.add(read(Path(f"/proc/{pid}/cmdline")))

    def database(self) -> dict[str, bytes]:
        """Everything in it as SQL, roles included, and what its own views tell of statements."""
        done = self.compose("exec", "-T", "timescaledb", "pg_dumpall", "--inserts")
        assert done.returncode == 0, done.stderr
        assert "argon2id" in done.stdout, "the users are in it"
        views = "select query from pg_stat_activity; select pg_current_logfile();"
        return {
            "the database": done.stdout.encode(),
            "the roles' verifiers": repr(self.sql("select * from pg_authid")).encode(),
            "the settings": repr(self.sql("select name, setting from pg_settings")).encode(),
            "the statements": repr(self.sql(views)).encode(),
        }

    def redis(self) -> dict[str, bytes]:
        done = self.compose("exec", "-T", "worker", "python", "-", stdin=DUMP_REDIS)
        assert done.returncode == 0, done.stderr
        return {"Redis": done.stdout.encode()}

    def volume(self, service: str, path: str) -> dict[str, bytes]:
        """The bytes of all files under `path`, which a volume holds."""
        done = run(
            ["docker", "exec", self.inspect(service)["Id"], "tar", "-c", "-C", path, "."],
            capture_output=True,
            check=False,
        )
        assert done.stdout, done.stderr
        return {f"{service}'s volume": done.stdout}


def log_of(container: str) -> bytes:
    done = run(["docker", "logs", container], capture_output=True, check=True)
    return done.stdout + done.stderr


def read(file: Path) -> bytes:
    """What a file of /proc says; nothing when its process is gone."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def pids_by_container() -> dict[int, str]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            inside = re.search(rb"/docker[/-]([0-9a-f]{64})", read(entry / "cgroup"))
            if inside:
                found[int(entry.name)] = inside[1].decode()
    return found


def inspected(ids: list[str], kind: str) -> dict[str, bytes]:
    return {f"inspect of {kind} {id}": docker("inspect", id).encode() for id in ids}


def histories(images: list[str]) -> dict[str, bytes]:
    return {
        f"history of {image}": docker("history", "--no-trunc", image).encode() for image in images
    }


def shown(answer: httpx.Response) -> tuple[str, bytes]:
    """Where an answer came from, and all of it but its cookies, which are for this client."""
    request = answer.request
    headers = [pair for pair in answer.headers.multi_items() if pair[0] != "set-cookie"]
    head = "".join(f"{name}: {value}\n" for name, value in headers).encode()
    where = f"the answer {answer.status_code} to {request.method} {request.url.path}"
    return where, head + b"\n" + answer.content


def search_answers(answers: list[httpx.Response], canaries: Mapping[str, str]) -> list[str]:
    """As `search`; what a client wrote into the address is its own to read in the answer."""
    told = []
    for answer in answers:
        where, content = shown(answer)
        asked = str(answer.request.url)
        unknown = {name: text for name, text in canaries.items() if text not in asked}
        told += search({where: content}, unknown)
    return told


# Every feature


@pytest.fixture(scope="module")
def aviary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aviary]:
    """A stack with canaries, after every feature of it has been used and failed."""
    with Aviary(tmp_path_factory.mktemp("aviary")) as running:
        over = threading.Event()
        watcher = threading.Thread(target=running.watch_commands, args=(over,))
        watcher.start()
        try:
            use(running)
        finally:
            over.set()
            watcher.join()
        yield running


def use(stack: Aviary) -> None:
    admin = use_users(stack)
    link = use_mail(stack, admin)
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
    done = stack.compose("exec", "-T", "platform", "python", "-c", code)
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
            # Whoever looks at the worker sees that a mail waits, and not what it says.
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


def waiting(admin: httpx.Client) -> bool:
    """Whether Flower tells of a mail that is to be tried again."""
    name = worker_of(admin)
    answer = admin.get("/flower/api/workers", params={"refresh": "1", "workername": name})
    return "mail.send" in json.dumps(answer.json().get(name, {}).get("scheduled"))


def worker_of(admin: httpx.Client) -> str:
    """The worker's name, once Flower knows it."""
    return wait_until(
        lambda: next(iter(admin.get("/flower/api/workers?refresh=1").json()), None),
        "Flower knows the worker",
    )


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
    """Open it, connect to the database and look at whatever tells of settings."""
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
    # A statement that fails: its text and its parameters stand in the traceback.
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
    with asking(admin):
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
    redis = ("exec", "-T", "redis", "sh", "-c")
    with_password = "REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli "
    done = stack.compose(*redis, with_password + "config set requirepass another")
    assert "OK" in done.stdout, done.stdout + done.stderr
    done = stack.compose(*redis, "REDISCLI_AUTH=another redis-cli client kill type normal")
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
    # Shown this once to whoever made the user.
    stack.canaries["first password"] = re.search(r"first password (\S+)", done.stdout)[1]
    stack.provision("admin", "--reset")
    for arguments in (["user", "no address"], ["user", "e@example.org", "--account", "x" * 300]):
        with pytest.raises(AssertionError):
            stack.provision(*arguments)


# The search finds what is there


@pytest.mark.parametrize("before", ["", "u:", "user:", "traefik:"])
def test_the_search_knows_each_spelling(before: str) -> None:
    secret = canary("planted", TAIL)
    whole = before + secret
    for text in (whole, quote(whole), json.dumps(whole), whole.encode().hex(), repr(whole)):
        assert search({"x": f"…{text}…".encode()}, {"planted": secret}), text
    for encode in (b64encode, urlsafe_b64encode):
        assert search({"x": b"Basic " + encode(whole.encode())}, {"planted": secret})
        assert search({"x": b"cut short: " + encode(whole.encode())[:90]}, {"planted": secret})
    assert not search({"x": canary("planted").encode()}, {"planted": secret})


@pytest.fixture(scope="module")
def planted() -> dict[str, str]:
    return {"planted": canary("planted", TAIL)}


def test_the_search_finds_what_is_planted_in_a_log(aviary: Aviary, planted: dict[str, str]) -> None:
    said = quote(planted["planted"], safe="")
    assert not search(aviary.all_logs(), planted)
    container = aviary.inspect("worker")["Id"]
    docker("exec", container, "sh", "-c", f"echo redis://:{said}@x > /proc/1/fd/1")
    (told,) = wait_until(lambda: search(aviary.all_logs(), planted), "the log has the line")[:1]
    assert "in the log of worker" in told


def test_the_search_finds_what_is_planted_in_a_container_and_an_image(
    aviary: Aviary, planted: dict[str, str]
) -> None:
    secret = planted["planted"]
    source = aviary.inspect("redis")["Id"]
    image = docker("commit", "-m", secret, "-c", f"ENV X={secret}", source).strip()
    container = docker("create", "--label", f"x={secret}", image).strip()
    try:
        assert search(inspected([container], "container"), planted)
        assert search(inspected([image], "image"), planted)
        assert search(histories([image]), planted)
    finally:
        docker("rm", container)
        docker("rmi", image)


def test_the_search_finds_what_is_planted_in_a_process(
    aviary: Aviary, planted: dict[str, str]
) -> None:
    secret = planted["planted"]
    into = ["docker", "exec"]
    container = aviary.inspect("worker")["Id"]
    for told, command in (
        ("environ of worker", [*into, "-e", f"X={secret}", container, "sleep", "600"]),
        ("cmdline of worker", [*into, container, "sh", "-c", f"sleep 600; : {secret}"]),
    ):
        with Popen(command, stdout=DEVNULL, stderr=DEVNULL):
            found = wait_until(lambda: search(aviary.processes(), planted), told)
            assert told in found[0]
            for pid in {int(re.search(r": (\d+): …", each)[1]) for each in found}:
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not search(aviary.processes(), planted), "the process is gone")


def test_the_search_finds_what_is_planted_in_the_database_redis_and_a_volume(
    aviary: Aviary, planted: dict[str, str]
) -> None:
    secret = planted["planted"]
    pair = b64encode(f"traefik:{secret}".encode()).decode()
    aviary.sql(f"create table planted as select 'Basic {pair}' as it")
    code = (
        "import sys, redis; from timestack.settings import Settings as S;"
        " base = redis.Redis.from_url(S.load(needs=['redis_password']).redis_url(3));"
        " base.hset('planted', 'x', sys.argv[2]) if sys.argv[1] == 'put' else base.flushdb()"
    )
    into_redis = ("exec", "-T", "worker", "python", "-c", code)
    into_volume = ("exec", "-T", "pgadmin", "sh", "-c")
    assert aviary.compose(*into_redis, "put", secret).returncode == 0
    file = "/var/lib/pgadmin/planted"
    assert aviary.compose(*into_volume, f"echo '{secret}' > {file}").returncode == 0
    try:
        assert search(aviary.database(), planted)
        assert search(aviary.redis(), planted)
        assert search(aviary.volume("pgadmin", "/var/lib/pgadmin"), planted)
    finally:
        aviary.sql("drop table planted")
        aviary.compose(*into_redis, "forget", "")
        aviary.compose(*into_volume, f"rm {file}")


def test_the_search_finds_what_is_planted_in_an_answer(planted: dict[str, str]) -> None:
    secret = planted["planted"]
    request = httpx.Request("GET", "https://localhost/x")
    for answer in (
        httpx.Response(200, text=f"<b>{secret}</b>", request=request),
        httpx.Response(302, headers={"Location": f"/y?z={quote(secret)}"}, request=request),
    ):
        assert search_answers([answer], planted)
    cookie = httpx.Response(200, headers={"Set-Cookie": secret}, request=request)
    assert not search_answers([cookie], planted)


# And there is nothing


def test_no_canary_is_in_a_log(aviary: Aviary) -> None:
    logs = aviary.all_logs()
    assert all(logs.values()), "every service has said something"
    assert not search(logs, aviary.canaries)
    # Nor what the database keeps of a password.
    assert not [place for place, text in logs.items() if b"$argon2" in text]


def test_no_canary_is_in_a_container_or_an_image(aviary: Aviary) -> None:
    containers = aviary.inspect_all()
    ours = docker("images", "--filter", "reference=timestack/*", "--format", "{{.ID}}").split()
    images = sorted({*ours, *(each["Image"] for each in containers)})
    places = {
        **inspected([each["Id"] for each in containers], "container"),
        **inspected(images, "image"),
        **histories(images),
    }
    assert not search(places, aviary.canaries)


def test_no_canary_is_on_a_command_line_or_in_an_environment(aviary: Aviary) -> None:
    processes = aviary.processes()
    assert len({place.split(":")[0] for place in processes}) >= 2 * 9
    assert b"PATH=" in b"".join(processes.values())
    assert not search(processes, aviary.canaries)
    assert len(aviary.commands) > len(processes) // 2, "health checks were seen, too"
    assert not search({"a command line": b"\n".join(aviary.commands)}, aviary.canaries)


def test_no_canary_is_in_an_answer(aviary: Aviary) -> None:
    seen = {answer.status_code for answer in aviary.answers}
    assert {200, 302, 400, 401, 404, 500, 503} <= seen, seen
    # A form shows the address that it was sent, whatever that is.
    canaries = {name: text for name, text in aviary.canaries.items() if name != "as mail"}
    assert not search_answers(aviary.answers, canaries)
    for answer in aviary.answers:
        assert not set(PROOFS) & set(answer.headers), answer.request.url
        assert b"$argon2" not in answer.content, answer.request.url


def test_no_canary_is_in_the_database(aviary: Aviary) -> None:
    assert not search(aviary.database(), aviary.canaries)
    kept = aviary.sql(
        "select rolname, split_part(rolpassword, '$', 1) from pg_authid where rolcanlogin"
        " and rolpassword is not null order by 1"
    )
    assert [role for role, _ in kept] == [
        *("timestack_app", "timestack_backup", "timestack_owner"),
        *("timestack_pgadmin", "timestack_readonly"),
    ]
    assert {verifier for _, verifier in kept} == {"SCRAM-SHA-256"}
    data = aviary.volume("timescaledb", "/var/lib/postgresql")
    assert not search(data, aviary.canaries)


def test_no_canary_is_in_redis(aviary: Aviary) -> None:
    redis = aviary.redis()
    assert b"_kombu" in redis["Redis"], "the broker's keys are in it"
    assert not search(redis, aviary.canaries)
    # Its files keep what was deleted, until it writes them anew.
    assert not search(aviary.volume("redis", "/var/lib/redis"), aviary.canaries)


def test_no_canary_is_on_pgadmins_volume(aviary: Aviary) -> None:
    volume = aviary.volume("pgadmin", "/var/lib/pgadmin")
    assert b"SQLite format 3" in volume["pgadmin's volume"]
    assert ADMIN_EMAIL.encode() in volume["pgadmin's volume"]
    assert not search(volume, aviary.canaries)
