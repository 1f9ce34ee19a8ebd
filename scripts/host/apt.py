"""The host's own package sources: which mirror, which keyring, which release."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

APT = Path("/etc/apt")
OS_RELEASE = Path("/etc/os-release")
# Off where the mirror is a snapshot of the archive: its lists are older than they say they may be.
CHECKS_DATES = "Acquire::Check-Valid-Until"


@dataclass(frozen=True)
class Source:
    """One place packages come from: a mirror's address, its suites and its keyring."""

    uri: str
    suites: tuple[str, ...]
    signed_by: str | None


def release(file: Path = OS_RELEASE) -> dict[str, str]:
    """The keys of os-release, unquoted: ID, ID_LIKE, VERSION_CODENAME, …; empty if absent."""
    try:
        text = file.read_text()
    except OSError:
        return {}
    return keys(text)


def keys(text: str) -> dict[str, str]:
    """The keys of os-release's text, unquoted."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key: value.strip().strip("\"'") for key, value in pairs}


def is_debian_like(keys: dict[str, str]) -> bool:
    """True on Debian, Ubuntu and what descends from them: apt is the way to install."""
    return bool({"debian", "ubuntu"} & {keys.get("ID", ""), *keys.get("ID_LIKE", "").split()})


def sources(folder: Path = APT) -> list[Source]:
    """Every enabled binary source, from sources.list and sources.list.d, both formats."""
    found = []
    for file in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]:
        try:
            text = file.read_text()
        except OSError:
            continue
        if file.suffix == ".sources":
            found += _deb822(text)
        elif file.suffix == ".list":
            found += _one_line(text)
    return found


def _deb822(text: str) -> list[Source]:
    found = []
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line[:1].isspace():
                fields[key] += "\n" + line.strip()
            elif ":" in line:
                key, value = line.split(":", 1)
                key = key.lower()
                fields[key] = value.strip()
        if "deb" not in fields.get("types", "").split() or fields.get("enabled") == "no":
            continue
        suites = tuple(fields.get("suites", "").split())
        signed = fields.get("signed-by")
        found += [Source(uri.rstrip("/"), suites, signed) for uri in fields["uris"].split()]
    return found


def _one_line(text: str) -> list[Source]:
    found = []
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[([^]]*)]\s+)?(\S+)\s+(\S+)", line)
        if not match:
            continue
        options, uri, suite = match.groups()
        signed = re.search(r"signed-by=(\S+)", options or "")
        found.append(Source(uri.rstrip("/"), (suite,), signed and signed.group(1)))
    return found


def mirror(found: list[Source]) -> Source | None:
    """The source that serves the host's own release: the first that is also updated by name.

    Not by VERSION_CODENAME: packages borrowed from a newer release bring its os-release along.
    """
    plain = [source for source in found if any("-" not in suite for suite in source.suites)]
    updated = [s for s in plain if any(suite.endswith("-updates") for suite in s.suites)]
    return next(iter([*updated, *plain]), None)


def security_mirror(found: list[Source]) -> Source | None:
    """The source of the host's own security updates, None if the host names none."""
    return next((s for s in found if any(u.endswith("-security") for u in s.suites)), None)


def candidate(package: str) -> str | None:
    """The version that apt would install now, without its epoch; None if there is none."""
    text = subprocess.run(
        ["apt-cache", "policy", package], capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"Candidate: (?:\d+:)?(\S+)", text)
    return found.group(1) if found and found.group(1) != "(none)" else None


def checks_dates() -> bool:
    """Whether this host's apt refuses lists of packages that are past their date."""
    try:
        done = subprocess.run(
            ["apt-config", "dump", CHECKS_DATES], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return True
    return '"false"' not in done.stdout


def environment() -> dict[str, str]:
    """This process's environment, such that apt asks nothing."""
    return {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
