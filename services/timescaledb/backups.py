"""Take, verify and list backups, inside the database's container.

    python3 backups.py take full|diff|incr     until it is done; how far it is, a line at a time
    python3 backups.py verify                  that WAL arrives, and that every file is whole
    python3 backups.py list                    what is there, as JSON
    python3 backups.py start RUN COMMAND ...   the same without waiting, for server.sql

What runs is in STATE, which timestack_server.backups() reads: of the last run its `id`, `command`,
`state` (running, succeeded, failed), `progress` from 0 to 1, `message`, `result`, and `at`, when it
last gave a sign of life. What `list` finds is kept in FOUND beside it. One run at a time, by a lock
that ends with it. Times are seconds since 1970.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import archive
import repository

RUN = Path("/run/postgresql")
STATE, FOUND, LOCK = RUN / "backup-run.json", RUN / "backups.json", RUN / "backup-run.lock"
TYPES = ("full", "diff", "incr")
EACH = 1.0


def write(path: Path, content: dict) -> None:
    """Write a file that a reader finds whole, the old one or the new one."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(json.dumps(content))
    unfinished.rename(path)


class Run:
    """What runs now; `say` notes how far it is, and that it lives."""

    def __init__(self, id: str, command: str):
        self.state = {"id": id, "command": command, "state": "running", "began": time.time()}
        self.say("begins")

    def say(self, message: str, progress: float = 0.0, **more) -> None:
        if message != self.state.get("message"):
            print(message, flush=True)
        self.state |= {"message": message, "progress": progress, "at": time.time(), **more}
        write(STATE, self.state)

    def follow(self, *words: str, what: str) -> str:
        """Run pgBackRest to its end and return what it wrote; raises repository.Away."""
        process = subprocess.Popen(
            ["pgbackrest", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        # What it writes fits into a pipe, or is read at the end: it says little but at its end.
        while True:
            try:
                output, _ = process.communicate(timeout=EACH)
                break
            except subprocess.TimeoutExpired:
                part, size = done()
                much = f" {part:.0%} of {size / 1e6:,.0f} MB" if size else ""
                self.say(f"{what}{much}", part)
        if process.returncode:
            raise repository.failed(words[0], process.returncode, output)
        return output


def done() -> tuple[float, int]:
    """The part of a backup that is done, and its bytes; zeros where nothing says so."""
    with suppress(OSError, ValueError, KeyError, IndexError):
        lock = max((RUN / "pgbackrest-lock").glob("*backup*.lock"), key=os.path.getmtime)
        found = json.loads(lock.read_text())
        return found["szCplt"] / found["sz"], found["sz"]
    return 0.0, 0


def take(run: Run, kind: str) -> dict:
    """A backup, and what is kept afterwards. The first one is full whatever was asked for."""
    os.nice(10)
    repository.settle()
    run.follow("backup", f"--type={kind}", what="copying")
    found = look()
    return found["backups"][-1]


def verify(run: Run) -> dict:
    """Whether a segment of WAL arrives, and every file is what was written."""
    os.nice(10)
    repository.settle()
    run.follow("check", what="waiting for a segment of WAL to arrive")
    # Where something is damaged is in its log alone, and what was read in its report.
    words = ("verify", "--output=text", "--verbose", "--log-level-console=info")
    text = run.follow(*words, what="reading every file")
    result = archive.verified(text)
    if result["damaged"]:
        raise repository.Away("damaged in the repository: " + "; ".join(result["damaged"]))
    return result


def look() -> dict:
    """What is there, noted for who cannot ask pgBackRest."""
    try:
        found = archive.read()
    except repository.Away as error:
        found = {"at": time.time(), "error": str(error), "backups": [], "ranges": [], "bytes": 0}
    write(FOUND, found)
    return found


def perform(id: str, command: str, words: list[str]) -> int:
    """Do one command as the only one; 0, or 1 when it failed and 2 when another one runs."""
    if not repository.has_key():
        print("nothing is archived here: there is no secret backup_key", file=sys.stderr)
        return 1
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another backup or check of the backups runs now", file=sys.stderr)
            return 2
        run = Run(id, " ".join([command, *words]))
        try:
            result = take(run, *words) if command == "take" else verify(run)
        except (repository.Away, OSError) as error:
            look()
            print(error, file=sys.stderr)
            run.say(str(error), state="failed", ended=time.time())
            return 1
        run.say("done", 1.0, state="succeeded", result=result, ended=time.time())
        return 0


def start(id: str, command: list[str]) -> None:
    """Begin a command in a session of its own, which outlives the one that asked for it."""
    # What COPY sends, which would break off otherwise.
    sys.stdin.read()
    words = [sys.executable, __file__, *command]
    environment = {**os.environ, "BACKUP_RUN": id}
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    subprocess.Popen(words, env=environment, start_new_session=True, **quiet)


def main(words: list[str]) -> int:
    os.umask(0o077)
    match words:
        case ["take", kind] if kind in TYPES:
            return perform(os.environ.get("BACKUP_RUN", ""), "take", [kind])
        case ["verify"]:
            return perform(os.environ.get("BACKUP_RUN", ""), "verify", [])
        case ["list"]:
            print(json.dumps(look()))
            return 0
        case ["start", id, *command]:
            start(id, command)
            return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
