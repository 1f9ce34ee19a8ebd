"""Jobs at the terminal: list, show, submit, cancel, retry, pause, resume, kinds, schedules."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session
from tqdm import tqdm

from timestack import db
from timestack.domains import jobs
from timestack.domains.jobs import control, forms, kinds, listing, requests, schedules, words
from timestack.models.jobs import FINISHED, LAST_PRIORITY, USUAL_PRIORITY, Job
from timestack.shell import table

# What was asked for in order and cannot be done, and what is wrong by itself.
REFUSALS = (control.NotFoundError, control.StateError, requests.ConflictError)
FAULTS = (
    kinds.UnknownKindError,
    listing.AskedError,
    requests.ParamsError,
    requests.TooLargeError,
)

BY = "shell"
# Seconds between two looks at a job that is waited for.
PERIOD = 0.5
BAR = "{percentage:3.0f}% |{bar}| {desc}"


def add_to(faces: argparse._SubParsersAction) -> None:
    """Add ``jobs`` and its commands to the parser."""
    face = faces.add_parser("jobs", help="background jobs", description=__doc__)
    face.set_defaults(do=overview, json=False, state=None, kind=None, limit=20, before=None)
    face.set_defaults(opens=("database", "queue"))
    commands = face.add_subparsers(metavar="COMMAND")

    def command(name: str, do: Callable[[argparse.Namespace], int], help: str):
        parser = commands.add_parser(name, help=help, description=f"{help[:1].upper()}{help[1:]}.")
        parser.set_defaults(do=do)
        parser.add_argument("--json", action="store_true", help="as JSON, for scripts")
        return parser

    found = command("list", index, "the newest jobs, newest first")
    found.add_argument("--state", help="in a state; or finished, unfinished")
    found.add_argument("--kind", help="of a kind")
    found.add_argument("--limit", type=_count, default=20, help=f"how many, {listing.MOST} at most")
    found.add_argument("--before", metavar="JOB", help="go on where a list ended with this job")
    command("show", show, "everything about a job").add_argument("job", help=ID)
    new = command("submit", submit, "start a job")
    new.add_argument("kind", help="`make jobs ARGS=kinds` lists them")
    new.add_argument("params", nargs="*", metavar="NAME=VALUE", help="its parameters")
    new.add_argument(
        "--wait", action="store_true", help="until it ends; status 1 if it, or a part of it, fails"
    )
    new.add_argument("--at", type=_moment, metavar="TIME", help="not before 2030-01-31T12:00Z")
    new.add_argument(
        "--priority", type=int, choices=range(LAST_PRIORITY + 1), default=USUAL_PRIORITY,
        metavar=f"0..{LAST_PRIORITY}", help="0 goes first",
    )  # fmt: skip
    new.add_argument("--after", metavar="JOB", help="when this job has succeeded")
    for name, do, help in (
        ("cancel", cancel, "cancel queued or running jobs"),
        ("retry", retry, "queue failed or cancelled jobs again"),
    ):
        command(name, do, help).add_argument("jobs", nargs="+", metavar="JOB", help=ID)
    command("pause", pause, "start no more jobs of a kind").add_argument("kind")
    command("resume", resume, "start jobs of a kind again").add_argument("kind")
    command("kinds", index_kinds, "what can be started, with its parameters")
    command("schedules", index_schedules, "what the clock starts, and when")


ID = "its id, or the first digits of that"


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= listing.MOST:
        raise argparse.ArgumentTypeError(f"use 1 to {listing.MOST}")
    return count


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError("use a time with its zone, such as 2030-01-31T12:00Z")
    return moment


# What is shown


def overview(asked: argparse.Namespace) -> int:
    """How many jobs are in each state, and the newest."""
    with db.session() as session:
        counts = listing.counts(session)
    now = f"{counts['running']} running, {counts['queued']} queued"
    ended = ", ".join(f"{counts[state]} {state}" for state in FINISHED)
    print(f"{now}; in the last 24 hours {ended}\n")
    return index(asked)


def index(asked: argparse.Namespace) -> int:
    """The newest jobs."""
    wanted = listing.Filter(asked.kind, asked.state)
    with db.session() as session:
        last = listing.find(session, asked.before) if asked.before else None
        before = (last.created_at, last.id) if last else None
        found = listing.latest(session, wanted, limit=asked.limit, before=before)
        if asked.json:
            return _print_json([listing.shape(job) for job in found])
        if not found:
            print("there is no such job" if wanted != listing.Filter() else "there are no jobs yet")
            return 0
        reasons, now = listing.reasons(session, found), listing.now(session)
    heads = ("job", "state", "kind", "submitted", "for", "what")
    table.show(heads, [_row(job, reasons.get(job.id, ""), now) for job in found])
    return 0


def _row(job: Job, reason: str, now: datetime) -> tuple[str, ...]:
    what = f"{reason}; {job.message}" if reason and job.message else reason or job.message
    if job.state == "running":
        what = ", ".join(filter(None, (f"{job.progress:.0%}", _cancelling(job), job.message)))
    kind = " ".join(filter(None, (job.kind, words.assignments(job.kind, job.params))))
    since = words.clock(job.created_at, now)
    return words.short(job.id), job.state, kind, since, _span(job, now), " ".join(what.split())


def _cancelling(job: Job) -> str:
    return "cancelling" if job.cancel_requested_at else ""


def _span(job: Job, now: datetime) -> str:
    """How long a job has waited or run, or took."""
    if job.state == "queued":
        return words.age(job.created_at, now)
    if job.finished_at:
        return words.lasting(job.finished_at - job.started_at) if job.started_at else ""
    return words.age(job.started_at, now)


def show(asked: argparse.Namespace) -> int:
    """Everything about a job."""
    with db.session() as session:
        job = listing.find(session, asked.job)
        if asked.json:
            return _print_json(listing.shape(job))
        reason = listing.reasons(session, [job]).get(job.id)
        now = listing.now(session)
    shown = listing.shape(job)
    errors = shown.pop("errors")
    if reason:
        shown["waits"] = reason
    shown["took" if job.finished_at else "for"] = _span(job, now)
    width = max(map(len, shown))
    for name, value in shown.items():
        if value not in (None, "", {}):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            print(f"{name.replace('_', ' '):<{width}}  {text}")
    for each in errors:
        print(f"attempt {each['attempt']} failed at {each['at']}: {each['error']}")
    return 0


def index_kinds(asked: argparse.Namespace) -> int:
    """What can be started."""
    with db.session() as session:
        paused = {each.kind: each for each in control.paused(session)}
    found = sorted(kinds.KINDS.values(), key=lambda kind: kind.name)
    if asked.json:
        return _print_json([listing.kind_shape(kind, paused.get(kind.name)) for kind in found])
    rows = [
        (
            kind.name,
            "paused" if kind.name in paused else "",
            " ".join(_parameter(name, each) for name, each in forms.fields(kind).items()),
            kind.title,
        )
        for kind in found
    ]
    table.show(("kind", "", "parameters", "what it does"), rows)
    return 0


def _parameter(name: str, field: dict) -> str:
    written = f"{name}={field.get('type', 'value').upper()}"
    return written if field["required"] else f"[{written}]"


def index_schedules(asked: argparse.Namespace) -> int:
    """What the clock starts."""
    with db.session() as session:
        found, now = schedules.states(session), listing.now(session)
    if asked.json:
        return _print_json([listing.schedule_shape(each) for each in found])
    rows = [
        (
            each.name,
            each.kind,
            f"{each.cron} {each.zone}",
            words.clock(each.due_at, now),
            words.clock(each.last_at, now) if each.last_at else "never",
            words.short(each.last_job) if each.last_job else "",
        )
        for each in found
    ]
    table.show(("schedule", "kind", "when", "next (UTC)", "last (UTC)", "last job"), rows)
    return 0


# What is done


def submit(asked: argparse.Namespace) -> int:
    """Start a job, and wait for its end where that is asked for."""
    kind = kinds.find(asked.kind)
    params = forms.parameters(kind, dict(map(_assignment, asked.params)))
    after = None
    if asked.after:
        with db.session() as session:
            after = listing.find(session, asked.after).id
    job = jobs.submit(
        kind.name,
        params,
        run_at=asked.at,
        priority=asked.priority,
        waits_for=after,
        submitted_by=BY,
    )
    if asked.wait:
        job = _wait(job)
    if asked.json:
        _print_json(listing.shape(job))
    else:
        print(_outcome(job))
    failures = (job.result or {}).get("failures") or {}
    for name, why in failures.items():
        print(f"{name}: {why}", file=sys.stderr)
    return 1 if failures or job.state in ("failed", "cancelled") else 0


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise listing.AskedError(f"{text!r} is not a parameter: write NAME=VALUE")
    return name, value


def _outcome(job: Job) -> str:
    if job.state not in FINISHED:
        show = f"make jobs ARGS='show {words.short(job.id)}'"
        return f"job {words.short(job.id)}, {job.kind}, is {job.state}: `{show}` follows it"
    took = f" after {words.lasting(job.finished_at - job.started_at)}" if job.started_at else ""
    said = f": {job.message}" if job.message else ""
    result = f"\n{json.dumps(job.result, indent=2, ensure_ascii=False)}" if job.result else ""
    return f"job {words.short(job.id)}, {job.kind}, {job.state}{took}{said}{result}"


def _wait(job: Job) -> Job:
    """Follow a job to its end; whatever ends that, the job goes on."""
    print(f"job {words.short(job.id)}, {job.kind}", file=sys.stderr, flush=True)
    with _follower() as follow:
        while True:
            with db.session() as session:
                found = listing.get(session, job.id)
                if found is None:
                    raise control.NotFoundError(job.id)
                reason = listing.reasons(session, [found]).get(found.id, "")
            if found.state in FINISHED:
                return found
            message = reason if found.state == "queued" else found.message
            follow(found.progress, message or found.state)
            time.sleep(PERIOD)


@contextmanager
def _follower() -> Iterator[Callable[[float, str], None]]:
    """Give what shows progress: a bar on a terminal, else a line for each new message."""
    if not sys.stderr.isatty():
        said: list[str] = []

        def line(fraction: float, message: str) -> None:
            if said[-1:] != [message]:
                said.append(message)
                print(f"{fraction:.0%} {message}", file=sys.stderr, flush=True)

        yield line
        return
    with tqdm(total=1.0, bar_format=BAR, dynamic_ncols=True, leave=False) as bar:

        def draw(fraction: float, message: str) -> None:
            bar.n = fraction
            bar.set_description_str(message)

        yield draw


def cancel(asked: argparse.Namespace) -> int:
    """Cancel jobs."""
    return _each(asked, control.cancel)


def retry(asked: argparse.Namespace) -> int:
    """Queue jobs again."""
    return _each(asked, control.retry)


def _each(asked: argparse.Namespace, change: Callable[[Session, UUID], Job]) -> int:
    """Change each job by itself: what fails for one does not stop the others."""
    status, changed = 0, []
    for text in asked.jobs:
        try:
            with db.session() as session:
                changed.append(change(session, listing.find(session, text).id))
        except (*REFUSALS, *FAULTS) as error:
            print(error, file=sys.stderr)
            status = 1
    if asked.json:
        _print_json([listing.shape(job) for job in changed])
    else:
        for job in changed:
            state = "is cancelling" if job.cancel_requested_at else f"is {job.state}"
            print(f"job {words.short(job.id)}, {job.kind}, {state}")
    return status


def pause(asked: argparse.Namespace) -> int:
    """Start no more jobs of a kind."""
    with db.session() as session:
        control.pause(session, asked.kind, by=BY)
    return _switched(asked, paused=True)


def resume(asked: argparse.Namespace) -> int:
    """Start jobs of a kind again."""
    with db.session() as session:
        control.resume(session, asked.kind)
    return _switched(asked, paused=False)


def _switched(asked: argparse.Namespace, *, paused: bool) -> int:
    if asked.json:
        return _print_json({"kind": asked.kind, "paused": paused})
    print(f"{asked.kind} is paused" if paused else f"{asked.kind} goes on")
    return 0


def _print_json(shown: object) -> int:
    print(json.dumps(shown, indent=2, ensure_ascii=False))
    return 0
