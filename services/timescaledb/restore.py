"""Restore the cluster from the repository of backups into the empty volume of this container.

    python3 restore.py look            what repository, image and volume have, as JSON
    python3 restore.py fetch REQUEST   the files of a backup
    python3 restore.py recover         WAL up to the target, a timeline of its own; then stopped
    python3 restore.py copy REQUEST    both, and then the copy answers on the socket

REQUEST is JSON: `backup` (its label), `type` and `target` as pgBackRest has them, and `timeline`.
What happens is said a line at a time; `recover` and `copy` end with a line of JSON on what was
restored. Nothing is archived meanwhile, so that a restore that is given up leaves nothing in the
repository. The container needs no secret but the repository's.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

import archive
import repository
from entrypoint import CONFIG, DATABASE, PGDATA, RUN, claim_volume, major, write_tuning
from tuning import cpu_limit

# Of `pgbackrest info`: all is well; there is no stanza, or no backup in it.
USABLE, EMPTY = 0, (1, 2)
PERCENT = re.compile(r"\b(\d+)(?:\.\d+)?%\)")
REPLAYED = re.compile(r'restored log file "([0-9A-F]{24})"')
HISTORY = re.compile(r"([0-9A-F]{8})\.history")
# The recovery's; the server's own start is as ever. Without hot_standby it may have fewer
# connections than the one whose WAL it reads.
OPTIONS = {
    "config_file": CONFIG,
    "listen_addresses": "",
    "ssl": "off",
    "archive_mode": "off",
    "hot_standby": "off",
    "autovacuum": "off",
    "timescaledb.max_background_workers": "0",
}
# What pgBackRest wrote for the recovery, which is over.
RESET = ("restore_command", "recovery_target", "recovery_target_action", "recovery_target_name",
         "recovery_target_time", "recovery_target_timeline")  # fmt: skip
RESTORED = """
select json_build_object(
  'migration', (select max(version_num) from alembic_version),
  'timescaledb', (select extversion from pg_extension where extname = 'timescaledb'),
  'edition', current_setting('timescaledb.license'),
  'timeline', (select timeline_id from pg_control_checkpoint()),
  'community', (select count(*) from timescaledb_information.continuous_aggregates)
             + (select count(*) from timescaledb_information.hypertables where compression_enabled))
"""


class Failed(Exception):
    """It ends here; str() says why."""


def say(text: str) -> None:
    print(text, flush=True)


def look() -> dict:
    """Backups, timelines and versions; raises repository.Away."""
    repository.configure(PGDATA, RUN, cpu_limit())
    # What it says of a wrong key repeats bytes that JSON does not allow.
    stanza = json.loads(repository.pgbackrest("info", "--output=json"), strict=False)[0]
    if stanza["status"]["code"] not in (USABLE, *EMPTY):
        message = stanza["repo"][0]["status"]["message"].partition("\n")[0]
        raise repository.Away(f"pgbackrest info: {message}")
    versions = {each["id"]: each["version"] for each in stanza["db"]}
    return {
        "at": time.time(),
        "backups": [_backup(each, versions) for each in stanza["backup"]],
        "ranges": archive.read()["ranges"] if stanza["backup"] else [],
        "histories": histories() if stanza["backup"] else {},
        "image": {"major": major(), "timescaledb": _extension()},
        "volume": _volume(),
    }


def _backup(found: dict, versions: dict) -> dict:
    return {
        "label": found["label"],
        "ended": found["timestamp"]["stop"],
        "bytes": found["info"]["size"],
        "timeline": int(found["archive"]["start"][:8], 16),
        "lsn": position(found["lsn"]["stop"]),
        "major": versions.get(found["database"]["id"], ""),
    }


def position(lsn: str) -> int:
    """A position in the WAL, which PostgreSQL writes as two halves: 1/2000028."""
    high, _, low = lsn.partition("/")
    return int(high, 16) << 32 | int(low, 16)


def histories() -> dict[int, list[tuple[int, int]]]:
    """Of each timeline but the first, those it came from, and up to which position.

    The newest may be in the volume alone, when its server has not archived yet.
    """
    listed = json.loads(repository.pgbackrest("repo-ls", "archive", "--recurse", "--output=json"))
    texts = {
        match[1]: repository.pgbackrest("repo-get", f"archive/{path}")
        for path in listed
        if (match := HISTORY.fullmatch(Path(path).name))
    }
    for file in (PGDATA / "pg_wal").glob("*.history"):
        texts.setdefault(file.stem, file.read_text())
    return {int(name, 16): past(text) for name, text in texts.items()}


def past(text: str) -> list[tuple[int, int]]:
    """The lines of a history: a timeline, the position at which it was left, and why."""
    lines = [line.split() for line in text.splitlines() if line[:1].isdigit()]
    return [(int(words[0]), position(words[1])) for words in lines]


def _extension() -> str:
    """The version of TimescaleDB that this image makes."""
    folder = subprocess.run(["pg_config", "--sharedir"], capture_output=True, text=True, check=True)
    control = Path(folder.stdout.strip(), "extension", "timescaledb.control").read_text()
    return re.search(r"default_version = '([^']+)'", control)[1]


def _volume() -> dict | None:
    """The timeline of the cluster in the volume, if there is one, and how much WAL it still has to
    archive."""
    if not (PGDATA / "PG_VERSION").exists():
        return None
    done = subprocess.run(["pg_controldata", PGDATA], capture_output=True, text=True, check=False)
    timeline = re.search(r"TimeLineID:\s+(\d+)", done.stdout)
    waiting = (PGDATA / "pg_wal" / "archive_status").glob("*.ready")
    return {
        "major": (PGDATA / "PG_VERSION").read_text().strip(),
        "timeline": int(timeline[1]) if timeline else 0,
        "waiting": sum(1 for _ in waiting),
    }


def fetch(request: dict) -> None:
    """The files of a backup, and how far to recover; raises Failed."""
    claim_volume()
    if PGDATA.exists() and any(PGDATA.iterdir()):
        raise Failed(f"{PGDATA} is not empty")
    PGDATA.mkdir(mode=0o700, exist_ok=True)
    repository.configure(PGDATA, RUN, cpu_limit())
    words = ["restore", f"--set={request['backup']}", f"--type={request['type']}",
             "--log-level-console=detail"]  # fmt: skip
    if request["type"] != "immediate":
        words.append(f"--target-timeline={request['timeline']}")
    if request.get("target"):
        words.append(f"--target={request['target']}")
    if request["type"] != "default":
        words.append("--target-action=promote")
    last, shown = deque(maxlen=5), ""
    with subprocess.Popen(
        ["pgbackrest", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            if "DETAIL" not in line:
                last.append(line.strip())
            if (match := PERCENT.search(line)) and match[1] != shown:
                shown = match[1]
                say(f"copied {shown}%")
    if process.returncode:
        raise repository.failed("restore", process.returncode, "\n".join(last))


class Server:
    """PostgreSQL on the socket alone; `ready` returns when it has a timeline of its own."""

    def __init__(self) -> None:
        write_tuning()
        options = [f"--{name}={value}" for name, value in OPTIONS.items()]
        self.process = subprocess.Popen(
            ["postgres", "-D", str(PGDATA), *options], stderr=subprocess.PIPE, text=True
        )
        self.last: deque[str] = deque(maxlen=8)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stderr:
            self.last.append(line.strip())
            if match := REPLAYED.search(line):
                say(f"replayed {match[1]}")

    def ready(self) -> None:
        """Wait until it is recovered; raises Failed with its last lines when it ends before."""
        while self.ask("postgres", "select pg_is_in_recovery()") != "f":
            if self.process.poll() is not None:
                self._reader.join()
                raise Failed(self.why())
            time.sleep(0.2)

    def why(self) -> str:
        lines = "\n".join(self.last)
        if "recovery ended before configured recovery target was reached" in lines:
            return "the WAL in the repository ends before this moment"
        if "is not a child of this server's history" in lines:
            return "the WAL in the repository is of another history than this backup"
        fatal = [line for line in self.last if "FATAL" in line or "PANIC" in line]
        return "PostgreSQL ended: " + " ".join(fatal[:1] or [lines])

    def ask(self, database: str, statement: str) -> str:
        """What psql prints; its message where it fails is kept in `said`."""
        command = ["psql", "-XAtq", "-h", str(RUN), "-U", "postgres", "-d", database]
        done = subprocess.run(
            [*command, "-c", statement], capture_output=True, text=True, check=False
        )
        self.said = done.stderr.strip()
        return done.stdout.strip()

    def restored(self) -> dict:
        """What it is that was restored; raises Failed where this image cannot work with it."""
        text = self.ask(DATABASE, RESTORED)
        if not text:
            raise Failed(f"the restored database does not work with this image: {self.said}")
        found = json.loads(text)
        if found["edition"] == "apache" and found.pop("community"):
            raise Failed(
                "the backup uses the Community edition of TimescaleDB, and this image has the"
                " Apache-2 edition: set TIMESCALEDB_BASE in .env as it was then"
            )
        for name in RESET:
            self.ask("postgres", f"alter system reset {name}")
        return found

    def stop(self) -> None:
        self.process.send_signal(2)
        self.process.wait()


def hand_over() -> None:
    """Have the new timeline's history archived when the server starts as ever: the way back to what
    was before goes through it."""
    folder = PGDATA / "pg_wal"
    newest = max((each for each in folder.iterdir() if HISTORY.fullmatch(each.name)), default=None)
    if newest is not None:
        (folder / "archive_status" / f"{newest.name}.ready").touch()


def recover() -> None:
    claim_volume()
    repository.configure(PGDATA, RUN, cpu_limit())
    server = Server()
    try:
        server.ready()
        found = server.restored()
    finally:
        server.stop()
    hand_over()
    say(json.dumps(found))


def copy(request: dict) -> None:
    fetch(request)
    server = Server()
    server.ready()
    say(json.dumps(server.restored()))
    server.process.wait()


def main(words: list[str]) -> int:
    os.umask(0o077)
    try:
        match words:
            case ["look"]:
                say(json.dumps(look()))
            case ["fetch", request]:
                fetch(json.loads(request))
            case ["recover"]:
                recover()
            case ["copy", request]:
                copy(json.loads(request))
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except (Failed, repository.Away) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
