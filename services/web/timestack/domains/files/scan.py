"""The scanner: registers the files of a schedule, reads the results in them, queues what follows.

A file that is as it was is not touched. Each other one is read and stored in a transaction of its
own, so that a bad file is a row that says why, and an interrupted scan goes on with the next one.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from timestack import db
from timestack.domains.files import queue
from timestack.domains.files.names import as_bytes, as_text, escaped, original
from timestack.domains.files.schedule import Source
from timestack.domains.results import store
from timestack.domains.results.outcome import (
    LONGEST_SUITE,
    ResultFileError,
    Suite,
    fitted,
    shown,
)
from timestack.domains.results.reading import (
    FORMATS,
    ChangingError,
    State,
    TooLargeError,
    read,
)
from timestack.models.files import TrackedFile

# In bytes; what an index entry holds, which is more than any path that people make.
LONGEST_PATH = 2000
# Paths that the database is asked for at once.
BATCH = 1000
CHANGING = "it changed while it was read: the next scan reads it"

# Called with what happened to a file, its path in one line, and a sentence about it.
Report = Callable[[str, str, str], None]


@dataclass(frozen=True)
class Found:
    """A file that a source wants. ``run`` is the directory of the run that it belongs to."""

    source: Source
    raw: bytes
    run: bytes
    state: State

    @property
    def path(self) -> str:
        return escaped(self.raw)

    @property
    def name(self) -> str:
        return escaped(os.path.basename(self.raw))

    @property
    def run_name(self) -> str:
        return escaped(os.path.basename(self.run))

    @property
    def run_tag(self) -> str:
        return self.run_name if self.source.run_tag is None else self.source.run_tag

    @property
    def type(self) -> str:
        return self.source.type_of(as_text(os.path.basename(self.raw)))

    def row(self) -> dict:
        """What is registered of it before it is read."""
        return {
            "path": self.path,
            "run_directory": escaped(self.run),
            "name": self.name,
            "type": self.type,
            "size": self.state.size,
            "modified_at": self.state.modified,
            "owner": self.source.owner,
            "site": self.source.site,
            "host": self.source.host,
            "run_tag": self.run_tag,
            "user_tag": self.source.user_tag,
            "time_to_live": self.source.time_to_live,
        }


@dataclass(frozen=True)
class Reading:
    """What came of reading a file; without ``suites`` nothing of it is stored but ``message``."""

    state: str
    message: str = ""
    sha256: str | None = None
    size: State | None = None
    suites: Sequence[Suite] = ()


def scan(
    sources: Iterable[Source], report: Report, *, production: bool, again: bool = False
) -> Counter[str]:
    """Bring the database up to what is in the folders; without ``production`` only read and report.

    ``again`` also reads what is as it was. ``report`` hears of everything that is new, changed,
    or wrong.

    Returns how many files are ``new``, ``changed``, ``unchanged``, ``gone`` and ``expired``; of the
    new and changed ones, how many ``failed`` and how many are ``waiting`` for the next scan; how
    many files and folders are ``unseen``, since they cannot be looked at; and how many ``tests``
    were read, of which ``bad`` ones failed. Raises sqlalchemy.exc.SQLAlchemyError; what was done
    until then stays.
    """
    counts: Counter[str] = Counter()
    # A file that two sources want belongs to the first.
    seen: set[tuple[str, bytes]] = set()
    for source in sources:
        wrong: list[tuple[str, str]] = []
        found = [each for each in walk(source, wrong) if (source.host, each.raw) not in seen]
        seen |= {(source.host, each.raw) for each in found}
        for path, why in wrong:
            counts["unseen"] += 1
            report("skipped", path, why)
        for start in range(0, len(found), BATCH):
            _take_in(found[start : start + BATCH], report, counts, production, again)
        # A folder that cannot be looked into shows nothing of its files.
        if not wrong:
            _miss(source, {each.path for each in found}, report, counts, production)
    return counts


def walk(source: Source, wrong: list[tuple[str, str]]) -> Iterator[Found]:
    """Give the regular files that a source wants, by path; links are not followed.

    What cannot be looked at is added to ``wrong``: its path, and why.
    """
    top = as_bytes(source.directory)

    def note(error: OSError) -> None:
        wrong.append((escaped(error.filename), error.strerror))

    for folder, folders, names in os.walk(top, onerror=note):
        folders.sort()
        for name in sorted(names):
            raw = os.path.join(folder, name)
            parts = os.path.relpath(raw, top).split(b"/")
            if not source.wants([as_text(part) for part in parts]):
                continue
            if len(escaped(raw).encode()) > LONGEST_PATH:
                wrong.append((escaped(raw), f"its path is longer than {LONGEST_PATH:,} bytes"))
                continue
            try:
                there = os.lstat(raw)
            except FileNotFoundError:
                continue
            except OSError as error:
                note(error)
                continue
            if stat.S_ISREG(there.st_mode):
                run = os.path.join(top, parts[0]) if len(parts) > 1 else top
                yield Found(source, raw, run, State.of(there))


def _take_in(
    found: Sequence[Found], report: Report, counts: Counter[str], production: bool, again: bool
) -> None:
    with db.session() as session:
        rows = _known(session, found)
    now = datetime.now(UTC)
    for each in found:
        row = rows.get(each.path)
        if each.source.expired(now - each.state.modified):
            counts["expired"] += 1
            continue
        if row is not None and not again and _is_as_it_was(row, each):
            counts["unchanged"] += 1
            continue
        what = "new" if row is None else "changed"
        reading = _read(each)
        if reading is None:
            continue
        if production:
            reading = _register(each, reading)
        counts[what] += 1
        counts["failed"] += reading.state == "failed"
        counts["waiting"] += reading.state == "found" and bool(reading.message)
        sums = sum((suite.counts() for suite in reading.suites), Counter())
        counts["tests"] += sums.total()
        counts["bad"] += sums["failed"] + sums["error"]
        if reading.message:
            what = "failed" if reading.state == "failed" else "waiting"
        report(what, each.path, reading.message or _summary(each, sums))


def _known(session: Session, found: Sequence[Found]) -> dict[str, TrackedFile]:
    """What is known of files of one host, by path."""
    if not found:
        return {}
    rows = select(TrackedFile).where(
        TrackedFile.host == found[0].source.host, TrackedFile.path.in_(each.path for each in found)
    )
    return {row.path: row for row in session.scalars(rows)}


def _is_as_it_was(row: TrackedFile, found: Found) -> bool:
    read = row.state in ("parsed", "failed") or (row.type == "other" and row.state == "found")
    return read and all(getattr(row, name) == value for name, value in found.row().items())


def _read(found: Found) -> Reading | None:
    """Read a file of results; None for one that is gone by now."""
    if found.type not in FORMATS:
        return Reading("found")
    try:
        content = read(found.raw, found.source.max_size)
    except FileNotFoundError:
        return None
    except ChangingError:
        return Reading("found", CHANGING)
    except TooLargeError:
        most = f"{found.source.max_size:,}"
        return Reading("found", f"it has more bytes than are read, {most}: see `max_size`")
    except OSError as error:
        return Reading("found", f"it cannot be read: {error.strerror}")
    known = {"sha256": content.sha256, "size": content.state}
    try:
        suites = content.suites(found.type, ZoneInfo(found.source.timezone))
    except ResultFileError as error:
        return Reading("failed", str(error), **known)
    if found.source.suite is not None:
        for each in suites:
            each.name = found.source.suite
    return Reading("parsed", suites=suites, **known)


def _register(found: Found, reading: Reading) -> Reading:
    """Write what was read; what the database does not take is a file that failed."""
    try:
        with db.session() as session:
            file = _upsert(session, found, reading)
            if reading.state == "parsed":
                store.replace(session, _place(found, reading, file.id), reading.suites)
                queue.add(session, queue.STATISTICS, file, found.source.priority)
    except (DataError, IntegrityError) as error:
        first = str(error.orig).strip().partition("\n")[0]
        reading = Reading("failed", shown(first), reading.sha256, reading.size)
        with db.session() as session:
            _upsert(session, found, reading)
    return reading


def _upsert(session: Session, found: Found, reading: Reading) -> TrackedFile:
    values = {
        **found.row(),
        "state": reading.state,
        "message": reading.message,
        "sha256": reading.sha256,
    }
    if reading.size is not None:
        # The moment it was read is the one that counts.
        values |= {"size": reading.size.size, "modified_at": reading.size.modified}
    new = insert(TrackedFile).values(values)
    # Whoever reads one file at the same time waits here.
    statement = new.on_conflict_do_update(
        index_elements=[TrackedFile.host, TrackedFile.path],
        set_={name: new.excluded[name] for name in values},
        where=or_(
            *(getattr(TrackedFile, name).is_distinct_from(new.excluded[name]) for name in values)
        ),
    )
    session.execute(statement)
    return session.scalars(
        select(TrackedFile).where(
            TrackedFile.host == found.source.host, TrackedFile.path == found.path
        )
    ).one()


def _place(found: Found, reading: Reading, id: int) -> store.Place:
    stem = os.path.splitext(as_text(os.path.basename(found.raw)))[0]
    return store.Place(
        file_id=id,
        host=found.source.host,
        run=found.run_name,
        run_tag=found.run_tag,
        suite=fitted(stem, LONGEST_SUITE) or "tests",
        modified=reading.size.modified,
    )


def _miss(
    source: Source, found: set[str], report: Report, counts: Counter[str], production: bool
) -> None:
    """Note the files that are not in a source's folder any more; their results stay."""
    prefix = escaped(as_bytes(source.directory)).rstrip("/") + "/"
    with db.session() as session:
        known = session.scalars(
            select(TrackedFile.path).where(
                TrackedFile.host == source.host,
                func.starts_with(TrackedFile.path, prefix),
                TrackedFile.state != "gone",
            )
        ).all()
        # A file that no pattern wants any more is still there.
        gone = [path for path in known if path not in found and not os.path.lexists(original(path))]
        if production and gone:
            session.execute(
                update(TrackedFile)
                .where(TrackedFile.host == source.host, TrackedFile.path.in_(gone))
                .values(state="gone")
                .execution_options(synchronize_session=False)
            )
    for path in gone:
        counts["gone"] += 1
        report("gone", path, "is not there any more; its results stay")


def _summary(found: Found, sums: Counter[str]) -> str:
    """Such as "junit, 1,204 tests, 3 failed"."""
    if found.type not in FORMATS:
        return f"{found.state.size:,} bytes"
    total = sums.total()
    bad = sums["failed"] + sums["error"]
    tests = f"{total:,} test{'' if total == 1 else 's'}"
    return f"{found.type}, {tests}" + (f", {bad:,} failed" if bad else "")
