"""What is in the repository: backups, and the times that can be restored to."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import repository

DATABASE = os.environ.get("DATABASE_NAME", "timestack")
SEGMENT = re.compile(
    r"archive/[^/]+/(?P<id>[^/]+)/[0-9A-F]{16}/"
    r"(?P<name>[0-9A-F]{24})-[0-9a-f]{40}(\.[a-z0-9]+)?"
)
# States that `pgbackrest info` gives the whole.
HAS_BACKUPS, HAS_NONE = 0, 2
DAMAGED = re.compile(r"INFO: ((?:invalid|missing|unable) [^\n]+)")
FAULTY = re.compile(r"[a-z] ?invalid: [1-9]|missing: [1-9]|other: [1-9]|status: (error|invalid)")
FILES = re.compile(r"total files checked: ([0-9]+)")
SEGMENTS = re.compile(r"total WAL checked: ([0-9]+)")
ARCHIVER = "select archiver from timestack_server.backups()"


def read() -> dict:
    """Everything, read from the repository now; raises repository.Away."""
    archiver = _archiver()
    # Not strict: what another key makes of a file may be in an error.
    stanza = json.loads(repository.pgbackrest("info", "--output=json"), strict=False)[0]
    if stanza["status"]["code"] not in (HAS_BACKUPS, HAS_NONE):
        repos = [each["status"]["message"] for each in stanza.get("repo", ())]
        raise repository.failed("info", 1, "; ".join(repos) or stanza["status"]["message"])
    # After the archiver was asked: what it has archived is there, or was dropped.
    listed = json.loads(repository.pgbackrest("repo-ls", "--recurse", "--output=json"))
    backups = [_backup(each) for each in stanza["backup"]]
    runs = unbroken(listed)
    return {
        "at": time.time(),
        "error": "",
        "backups": backups,
        "ranges": ranges(backups, runs),
        "bytes": sum(each.get("size", 0) for each in listed.values()),
        "archive": {**archiver, "newest": runs[-1]["last"] if runs else ""},
        "is_unbroken": is_unbroken(backups, runs),
    }


def _archiver() -> Mapping:
    """What the server says of its archiver; nothing while it does not run."""
    command = ["psql", "-X", "-A", "-t", "-h", "/run/postgresql", "-d", DATABASE, "-c", ARCHIVER]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout) if done.returncode == 0 else {}
    # It may also be a note on a backup or on a timeline.
    segment = re.match(r"[0-9A-F]{24}", found.get("archived") or "")
    return {**found, "archived": segment[0] if segment else ""}


def _backup(found: Mapping) -> dict:
    begin, end = found["timestamp"]["start"], found["timestamp"]["stop"]
    return {
        "label": found["label"],
        "type": found["type"],
        "began": begin,
        "ended": end,
        "seconds": end - begin,
        "bytes": found["info"]["size"],
        # What it alone takes in the repository.
        "repository_bytes": found["info"]["repository"]["delta"],
        "first": found["archive"]["start"],
        "last": found["archive"]["stop"],
        "cluster": found["database"]["id"],
        # Pages whose checksum was wrong already in the database.
        "is_sound": not found.get("error"),
    }


def number(segment: str) -> int:
    """The place of a segment of WAL in its timeline; its name has 16 MiB each and 256 in a file."""
    return int(segment[8:16], 16) * 256 + int(segment[16:24], 16)


def unbroken(listed: Mapping[str, Mapping]) -> list[dict]:
    """The runs of WAL without a hole: of each its cluster, segments and the time of its newest.

    Timelines of a cluster are one sequence: a new one begins within the segment that it leaves.
    """
    found = [
        (
            int(match["id"].rpartition("-")[2]),
            number(match["name"]),
            match["name"],
            entry.get("time", 0),
        )
        for path, entry in listed.items()
        if (match := SEGMENT.fullmatch(path))
    ]
    runs = []
    for cluster, segments in groupby(sorted(found), key=lambda each: each[0]):
        before = None
        for _, place, name, at in segments:
            if before is None or place > before + 1:
                runs.append({"cluster": cluster, "first": name, "to": 0})
            runs[-1] |= {"last": name, "to": max(runs[-1]["to"], at)}
            before = place
    return runs


def ranges(backups: Iterable[Mapping], runs: Iterable[Mapping]) -> list[list[float]]:
    """From when to when one can restore, for each unbroken run of WAL that has a backup in it."""
    found = []
    for run in runs:
        within = [each["ended"] for each in backups if _holds(run, each)]
        if within:
            found.append([min(within), max(run["to"], *within)])
    return sorted(found)


def is_unbroken(backups: Sequence[Mapping], runs: Sequence[Mapping]) -> bool:
    """Whether all that was archived since the newest backup is there; True before the first."""
    return not backups or (bool(runs) and _holds(runs[-1], backups[-1]))


def _holds(run: Mapping, backup: Mapping) -> bool:
    return run["cluster"] == backup["cluster"] and (
        number(run["first"]) <= number(backup["first"])
        and number(backup["last"]) <= number(run["last"])
    )


def verified(text: str) -> dict:
    """What `pgbackrest verify` wrote: its counts, and each thing that is damaged with its place."""
    report = text[text.rindex("stanza:") :] if "stanza:" in text else text
    damaged = [" ".join(each.split()) for each in DAMAGED.findall(text)]
    if not damaged and re.search(r"status: (error|invalid)", report):
        damaged = [" ".join(line.split()) for line in report.splitlines() if FAULTY.search(line)]
    backups, segments = (sum(map(int, each.findall(report))) for each in (FILES, SEGMENTS))
    return {"files": backups, "segments": segments, "damaged": damaged}
