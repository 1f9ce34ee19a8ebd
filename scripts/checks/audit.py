"""`make audit`: what the images and the lock files hold, against the advisories in reach.

Five sources are asked, each on its own:

- Python: the package index's advisories, then OSV for what the index did not answer (pip-audit).
- Debian's security tracker: every known vulnerability of a package. A finding is one that Debian
  has fixed in a newer version; what is still open there is counted, as there is no fix to install.
- Debian's security archive: the updates themselves, asked by each release's own apt.
- npm: OSV, for the packages of the images and of the lock.
- Go: OSV, for the modules that are linked into programs.

Exit code 0: all were asked about all packages, and nothing was found; 1: something was found;
3: nothing was found, but a source did not answer, or not about everything. (`make` itself ends
with 2 for either and prints which: "Error 3".)
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from debian.debian_support import Version

from scripts.checks import sbom
from scripts.host import tests, tools
from scripts.host.console import Phases, columns, info

FOUND, UNANSWERED = 1, 3
TRACKER = "https://security-tracker.debian.org/tracker/data/json"
OSV = "https://api.osv.dev/v1/querybatch"
SECONDS = 60
# Every index must answer: by default apt warns, goes on without one, and reports success.
ARCHIVE = r"""
apt-get -qq -o APT::Update::Error-Mode=any -o Acquire::Retries=1 update >&2 || exit
apt-get indextargets --format 'suite $(CODENAME)' 'Created-By: Packages'
xargs apt-cache madison
"""
Versions = dict[tuple[str, str], set[str]]


@dataclass(frozen=True, order=True)
class Finding:
    """One package with a known vulnerability; `fixed` are the versions without it."""

    package: str
    version: str
    advisory: str
    fixed: str
    places: str


@dataclass
class Answer:
    """What one source knows of `asked` packages; `silent` is why it did not answer for the rest."""

    source: str
    asked: int
    checked: int = 0
    silent: str = ""
    findings: list[Finding] = field(default_factory=list)
    note: str = ""


def audit(root: Path) -> int:
    """Read the images again, write their documents, ask every source and print each answer."""
    contents = sbom.read_all()
    sbom.write(root, contents)
    answers = []
    phases = Phases()
    for name, ask in (
        ("Python", lambda: python(root, distributions(root, contents))),
        ("tracker", lambda: tracker(contents)),
        ("archive", lambda: archive(contents)),
        ("npm", lambda: osv("npm", nodes(root, contents))),
        ("Go", lambda: osv("Go", modules(contents))),
    ):
        with phases.phase(name) as phase:
            answers.append(ask())
            phase.result = f"{answers[-1].checked} of {answers[-1].asked} packages checked"
    info("")
    info(report(answers))
    return verdict(answers)


def verdict(answers: list[Answer]) -> int:
    """The exit code: a finding outweighs a source that did not answer."""
    if any(each.findings for each in answers):
        return FOUND
    return UNANSWERED if any(each.checked < each.asked for each in answers) else 0


def report(answers: list[Answer]) -> str:
    """A line for each source, then a table of all findings."""
    lines = []
    for each in answers:
        if each.checked < each.asked:
            left = f"{each.asked - each.checked} of {each.asked}"
            lines.append(f"! {each.source}: {left} packages not checked: {each.silent}")
        if each.checked:
            found = f"findings: {len(each.findings)}" if each.findings else "no finding"
            mark = "x" if each.findings else "✓"
            lines.append(f"{mark} {each.source}: {each.checked} packages checked, {found}")
        if each.note:
            lines.append(f"  {each.note}")
    found = sorted({finding for each in answers for finding in each.findings})
    if found:
        rows = [("package", "version", "advisory", "fixed in", "where")]
        rows += [(f.package, f.version, f.advisory, f.fixed, f.places) for f in found]
        lines += [
            "",
            columns(rows),
            "",
            "-> Debian: BUILD=always make up; Python and npm: make lock, make up",
        ]
    return "\n".join(lines)


def distributions(root: Path, contents: list[sbom.Contents]) -> Versions:
    """Name and version of every Python package of the images and of the locks -> where it is."""
    found: Versions = defaultdict(set)
    for each in contents:
        for package in each.python:
            found[_canonical(package.name), package.version].add(each.image)
    for lock in tests.LOCKS:
        for name, version in locked((root / lock).read_text()):
            found[name, version].add(lock)
    return found


def locked(text: str) -> list[tuple[str, str]]:
    """Name and version of each requirement of a lock file."""
    lines = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", text, re.M)
    return [(_canonical(name), version) for name, version in lines]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def python(root: Path, found: Versions) -> Answer:
    """The findings of pip-audit's services; the second is asked for what the first did not know."""
    answer = Answer("Python advisories", len(found))
    left, silent = set(found), []
    for service, name in (("pypi", "the package index"), ("osv", "OSV")):
        for few in rounds(left):
            known, fault = _pip_audit(root, service, few)
            left -= set(known)
            answer.findings += findings(known, found)
            if fault:
                silent.append(f"{name} {fault}")
            if not known:
                break
        if not left:
            break
    answer.checked = len(found) - len(left)
    answer.silent = "; ".join(silent)
    return answer


def rounds(wanted: set[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Lists that name no package twice, which pip-audit refuses."""
    versions = defaultdict(list)
    for name, version in sorted(wanted):
        versions[name].append(version)
    while versions:
        yield [(name, each.pop()) for name, each in versions.items()]
        versions = {name: each for name, each in versions.items() if each}


def _pip_audit(root: Path, service: str, few: list[tuple[str, str]]) -> tuple[dict, str]:
    """The vulnerabilities of each package that the service knows, and why it does not know all."""
    with tempfile.TemporaryDirectory(prefix="timestack-audit-") as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text("".join(f"{name}=={version}\n" for name, version in few))
        done = subprocess.run(
            [
                *(tools.TESTS.path(root, "pip-audit"), "--vulnerability-service", service),
                *("--no-deps", "--disable-pip", "--requirement", str(file), "--format", "json"),
                *("--progress-spinner", "off", "--timeout", str(SECONDS)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    return parse(done.stdout, done.stderr, len(few))


def parse(output: str, errors: str, asked: int) -> tuple[dict, str]:
    """The vulnerabilities in pip-audit's JSON, by name and version, and what is missing there.

    pip-audit succeeds even when a service knows none of the packages.
    """
    try:
        listed = json.loads(output)["dependencies"]
    except (ValueError, LookupError):
        lines = errors.strip().splitlines() or ["no message"]
        return {}, f"did not answer ({lines[-1][:160]})"
    known = {
        (_canonical(each["name"]), each["version"]): each["vulns"]
        for each in listed
        if "skip_reason" not in each
    }
    lacking = asked - len(known)
    return known, f"has no entry for {lacking} of {asked} packages" if lacking else ""


def findings(known: dict, found: Versions) -> list[Finding]:
    """A finding for each vulnerability that pip-audit names."""
    return [
        Finding(
            *(name, version, each["id"], ", ".join(each["fix_versions"]) or "none yet"),
            ", ".join(sorted(found[name, version])),
        )
        for (name, version), vulnerabilities in known.items()
        for each in vulnerabilities
    ]


def by_release(contents: list[sbom.Contents]) -> dict[str, list[sbom.Contents]]:
    """The images of each Debian release, by its code name."""
    found = defaultdict(list)
    for each in contents:
        found[each.release.get("VERSION_CODENAME", "unknown")].append(each)
    return found


def tracker(contents: list[sbom.Contents]) -> Answer:
    """What Debian's security tracker lists for every source package."""
    sources = {release: _sources(several) for release, several in by_release(contents).items()}
    answer = Answer("Debian's security tracker", sum(map(len, sources.values())))
    known, answer.silent = _fetch(TRACKER)
    if not answer.silent:
        weigh(answer, known, sources)
    return answer


def _fetch(address: str, question: dict | None = None) -> tuple[object, str]:
    """The JSON at an address, and why there is none."""
    body = json.dumps(question).encode() if question else None
    request = urllib.request.Request(  # noqa: S310 (both addresses are https)
        address, data=body, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as reply:  # noqa: S310
            return json.load(reply), ""
    except (OSError, ValueError) as error:
        return None, f"did not answer ({error})"


def _sources(several: list[sbom.Contents]) -> Versions:
    found: Versions = defaultdict(set)
    for each in several:
        for package in each.debian:
            found[package.source, package.source_version].add(each.image)
    return found


def weigh(answer: Answer, known: dict, sources: dict[str, Versions]) -> None:
    """Fill in the answer from the tracker's data: {source: {advisory: {releases: {name: …}}}}.

    A source package that it does not name has no known vulnerability; but an answer that never
    names the release is not about it: another distribution's, or not the tracker's at all.
    """
    waiting: Counter[str] = Counter()
    for release, versions in sources.items():
        if not _knows(known, release, versions):
            answer.silent = f"its answer does not name the release {release}"
            continue
        answer.checked += len(versions)
        for (name, version), places in versions.items():
            for advisory, entry in known.get(name, {}).items():
                state = entry.get("releases", {}).get(release, {})
                fixed = state.get("fixed_version", "0")
                if state.get("status") == "open":
                    waiting[state.get("urgency") or "not yet assigned"] += 1
                elif state.get("status") == "resolved" and Version(version) < Version(fixed):
                    where = ", ".join(sorted(places))
                    answer.findings.append(Finding(name, version, advisory, fixed, where))
    if waiting:
        counts = ", ".join(f"{count} {urgency}" for urgency, count in sorted(waiting.items()))
        answer.note = f"known and not yet fixed by Debian, by urgency: {counts}"


def _knows(known: object, release: str, versions: Versions) -> bool:
    return isinstance(known, dict) and any(
        release in entry.get("releases", {})
        for name, _ in versions
        for entry in known.get(name, {}).values()
    )


def archive(contents: list[sbom.Contents]) -> Answer:
    """Which installed packages have a security update that the image was built without."""
    answer = Answer("Debian's security archive", 0)
    silent = []
    for release, several in by_release(contents).items():
        installed: Versions = defaultdict(set)
        for each in several:
            for package in each.debian:
                installed[package.name, package.version].add(each.image)
        answer.asked += len(installed)
        listed, fault = _apt(several[0].image, sorted({name for name, _ in installed}))
        if not fault and f"suite {release}-security" not in listed.splitlines():
            fault = f"{several[0].image} names no security archive of {release}"
        if fault:
            silent.append(f"{release}: {fault}")
            continue
        answer.checked += len(installed)
        answer.findings += updates(listed, installed)
    answer.silent = "; ".join(silent)
    return answer


def _apt(image: str, names: list[str]) -> tuple[str, str]:
    """What the archive has of these packages, and why it could not be asked.

    The image's own apt asks, in a throw-away container: it has the release's keys and sources.
    """
    done = subprocess.run(
        [
            *("docker", "run", "--rm", "--interactive", "--user", "0:0"),
            *("--label", "com.docker.compose.project=", "--tmpfs", "/var/lib/apt/lists"),
            *("--tmpfs", "/var/cache/apt", "--entrypoint", "sh", image, "-c", ARCHIVE),
        ],
        input="\n".join(names),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "suite " not in done.stdout:
        lines = done.stderr.strip().splitlines() or ["no message"]
        return "", f"did not answer ({lines[0][:160]})"
    return done.stdout, ""


def updates(listed: str, installed: Versions) -> list[Finding]:
    """The findings in lines `name | version | address suite/component …` of `apt-cache madison`."""
    offered = defaultdict(list)
    for line in listed.splitlines():
        name, *rest = (word.strip() for word in line.split("|"))
        if len(rest) == 2 and "-security/" in rest[1]:
            offered[name].append(rest[0])
    found = []
    for (name, version), places in installed.items():
        newer = [each for each in offered[name] if Version(version) < Version(each)]
        if newer:
            where = ", ".join(sorted(places))
            fixed = max(newer, key=Version)
            found.append(Finding(name, version, "security update", fixed, where))
    return found


def nodes(root: Path, contents: list[sbom.Contents]) -> Versions:
    """Name and version of every npm package of the images and of the locks -> where it is."""
    found: Versions = defaultdict(set)
    for each in contents:
        for package in each.node:
            found[package.name, package.version].add(each.image)
    for lock in tests.NPM_LOCKS:
        for place, entry in json.loads((root / lock).read_text())["packages"].items():
            # The lock's own folder is among them, as "".
            if place:
                name = entry.get("name", place.rpartition("node_modules/")[2])
                found[name, entry["version"]].add(lock)
    return found


def modules(contents: list[sbom.Contents]) -> Versions:
    """The Go modules, the program's own and the compiler's library among them -> where each is."""
    found: Versions = defaultdict(set)
    for each in contents:
        for program in each.binaries:
            for module in (program.main, *program.modules):
                found[module.name, module.version.removeprefix("v")].add(each.image)
    return found


def osv(ecosystem: str, found: Versions) -> Answer:
    """What OSV says of packages of one ecosystem."""
    answer = Answer(f"{ecosystem} advisories", len(found))
    listed = sorted(found)
    queries = [
        {"package": {"ecosystem": ecosystem, "name": name}, "version": version}
        for name, version in listed
    ]
    if queries:
        known, fault = _fetch(OSV, {"queries": queries})
        answer.silent = f"OSV {fault}" if fault else ""
        if not fault:
            match(answer, known, listed, found)
    return answer


def match(answer: Answer, known: object, listed: list[tuple[str, str]], found: Versions) -> None:
    """Fill in the answer from OSV's: a list of results in the order of the questions."""
    results = known.get("results", ()) if isinstance(known, dict) else ()
    if len(results) != len(listed):
        answer.silent = f"OSV answered {len(results)} of {len(listed)} questions"
        return
    answer.checked = len(listed)
    for (name, version), result in zip(listed, results, strict=True):
        where = ", ".join(sorted(found[name, version]))
        answer.findings += [
            Finding(name, version, each["id"], "see the advisory", where)
            for each in result.get("vulns", ())
        ]
