"""Secrets of known values, a stack that has them, and the search for them wherever they may be."""

from __future__ import annotations

import re
import secrets
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from subprocess import run
from urllib.parse import quote

import httpx

from scripts.host.credentials import OWN, RANDOM
from tests.stack import ADMIN_EMAIL, VOLATILE, Stack, docker

# What a URL or a shell would stumble over, had somebody forgotten to quote.
TAIL = "/@:%2B+"
# Typed by a person: within the length that the forms accept.
TYPED = ("new", "wrong", "registered", "recovered", "differs", "as mail", "in a query")
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
    """A secret of 256 random bits that carries its name wherever it turns up."""
    return f"canary-{name.replace(' ', '-')}-{secrets.token_hex(32)}{tail}"


def spellings(secret: str) -> dict[str, bytes]:
    """What to search for, by the name of the spelling.

    The first half will do: a secret that is cut short still counts. In base64 a text looks in
    three ways, by the length of what precedes it; letters that mix with neighbours are left
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
    leaks = []
    for name, secret in canaries.items():
        for how, text in spellings(secret).items():
            for place, content in places.items():
                at = content.find(text)
                if at >= 0:
                    around = content[max(at - 160, 0) : at + 160].decode(errors="replace")
                    leaks.append(f"{name} ({how}) in {place}: …{around}…")
    return leaks


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
        self.canaries |= {name: canary(name) for name in (*TYPED, *OWN)}
        # The simulated platform takes whatever token is in the address.
        address = f"http://platform:9000/hooks/{self.canaries['notify_webhook']}"
        (folder / "notify_webhook").write_text(f"{address}\n")
        (folder / "notify_webhook").chmod(0o444)
        super().__init__(
            directory, VOLATILE, SEED="no", REGISTRATION="yes", NOTIFY_EMAIL=ADMIN_EMAIL
        )

    def client(self, **more) -> httpx.Client:
        client = super().client(**more)
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
        """Everything in it as SQL, roles included, and the statements that its own views show."""
        done = self.exec("timescaledb", "pg_dumpall", "--inserts")
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
        done = self.exec("worker", "python", "-", stdin=DUMP_REDIS)
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
    leaks = []
    for answer in answers:
        where, content = shown(answer)
        asked = str(answer.request.url)
        unknown = {name: text for name, text in canaries.items() if text not in asked}
        leaks += search({where: content}, unknown)
    return leaks
