"""What is read of the database, as the sections of the page."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from dash import html
from dash.development.base_component import Component
from sqlalchemy.orm import Session

from timestack.dash.address import href
from timestack.dash.jobs import parts
from timestack.dash.jobs.address import Address
from timestack.dash.jobs.parts import Setting
from timestack.dash.lists import Note, quiet, section
from timestack.domains.jobs import control, kinds, listing, schedules
from timestack.models.jobs import FINISHED, UNFINISHED, Job

# In the order of the page.
SECTIONS = ("counts", "told", "one", "running", "queued", "ended", "kinds", "schedules")
# What a list says that has no job.
NOTHING = {
    "running": "Nothing is running.",
    "queued": "Nothing is waiting.",
    "ended": "No job has ended yet.",
}
NOTHING_ELSE = "No job that has ended is of this kind and state."
# Jobs of a list.
PAGE_SIZE = 25


@dataclass(frozen=True)
class View:
    """The sections by name, and whether one of them is about to change by itself."""

    sections: dict[str, Component | None]
    moving: bool


def read(session: Session, address: Address, note: Note, *, admin: bool) -> View:
    """Read what an address shows.

    Raises ValueError where the address asks for a job that is not there.
    """
    if address.job:
        return _one(session, address, note, admin)
    if not address.is_list:
        return View({}, False)
    counts = listing.counts(session)
    lists = {
        "running": _running(session, address),
        "queued": _queued(session, address),
        "ended": _ended(session, address),
    }
    shown = [job for jobs in lists.values() for job in jobs[:PAGE_SIZE]]
    setting = _setting(session, shown, note, admin, address.state)
    sections: dict[str, Component | None] = {"counts": parts.counts(counts, address.state)}
    if not shown and address == Address():
        sections["ended"] = _empty(admin)
    else:
        for name, jobs in lists.items():
            sections[name] = _section(name, jobs, address, setting)
    if address == Address():
        sections["kinds"] = _kinds(session, setting)
        sections["schedules"] = _schedules(session, setting)
    seen = {*(str(job.id) for job in shown), *kinds.KINDS}
    if note.text and note.about not in seen:
        # What it was about is in no list any more.
        sections["told"] = parts.told(note.about, setting)
    moving = any(counts[state] for state in UNFINISHED) and not address.before
    return View(sections, moving)


def _setting(
    session: Session, jobs: list[Job], note: Note, admin: bool, state: str | None = None
) -> Setting:
    return Setting(listing.now(session), listing.reasons(session, jobs), note, admin, state)


def _one(session: Session, address: Address, note: Note, admin: bool) -> View:
    job = listing.get(session, UUID(address.job))
    if job is None:
        raise control.NotFoundError(address.job)
    setting = _setting(session, [job], note, admin)
    first = listing.get(session, job.waits_for) if job.waits_for else None
    return View({"one": parts.one(job, setting, first)}, job.state in UNFINISHED)


def _running(session: Session, address: Address) -> list[Job]:
    if address.before or "running" not in address.wanted.states:
        return []
    wanted = listing.Filter(address.kind, "running")
    found = listing.latest(session, wanted, limit=listing.MOST)
    return sorted(found, key=lambda job: (job.started_at, job.id))


def _queued(session: Session, address: Address) -> list[Job]:
    if address.before or "queued" not in address.wanted.states:
        return []
    return list(listing.line(session, address.kind, limit=PAGE_SIZE + 1))


def _ended(session: Session, address: Address) -> list[Job]:
    if not _of_ended(address):
        return []
    last = None
    if address.before:
        job = listing.get(session, UUID(address.before))
        if job is None:
            raise control.NotFoundError(address.before)
        last = (job.created_at, job.id)
    wanted = listing.Filter(address.kind, address.state or "finished")
    return list(listing.latest(session, wanted, limit=PAGE_SIZE + 1, before=last))


def _section(name: str, jobs: list[Job], address: Address, setting: Setting) -> Component | None:
    if not jobs:
        asked = name in address.wanted.states or (name == "ended" and _of_ended(address))
        if address.before or not asked:
            return None
        chosen = name == "ended" and address != Address()
        return section(_heading(name, address), [quiet(NOTHING_ELSE if chosen else NOTHING[name])])
    rows = [parts.row(job, setting) for job in jobs[:PAGE_SIZE]]
    return section(_heading(name, address), rows, _after(name, jobs, address))


def _of_ended(address: Address) -> bool:
    return not set(FINISHED).isdisjoint(address.wanted.states)


def _heading(name: str, address: Address) -> str:
    return address.state.capitalize() if name == "ended" and address.state else name.capitalize()


def _after(name: str, jobs: list[Job], address: Address) -> Component | None:
    """What follows a list: more of it."""
    links = []
    if name == "ended":
        if address.before:
            links.append(_link("Newest", href(kind=address.kind, state=address.state)))
        if len(jobs) > PAGE_SIZE:
            last = str(jobs[PAGE_SIZE - 1].id)
            older = href(kind=address.kind, state=address.state, before=last)
            links.append(_link("Older", older))
    elif len(jobs) > PAGE_SIZE:
        more = {"queued": "start first; more wait", "running": "started first; more run"}[name]
        return html.P(f"These {PAGE_SIZE} {more}.", className="ts-job-message ts-pages")
    return html.Nav(links, className="ts-pages", **{"aria-label": "Pages"}) if links else None


def _link(label: str, target: str) -> html.A:
    return html.A(label, href=target, className="btn btn-sm btn-outline-primary")


def _empty(admin: bool) -> html.Section:
    ways = " Start one below." if admin else ""
    return html.Section(
        [
            html.H2("No jobs yet", className="h4"),
            html.P(f"A job appears here when a schedule is due or somebody starts one.{ways}"),
        ],
        className="ts-state",
    )


def _kinds(session: Session, setting: Setting) -> Component:
    paused = {each.kind: each for each in control.paused(session)}
    found = sorted(kinds.KINDS.values(), key=lambda kind: kind.title)
    rows = [parts.kind_row(kind, paused.get(kind.name), setting) for kind in found]
    return section("Kinds of jobs", rows)


def _schedules(session: Session, setting: Setting) -> Component:
    rows = [parts.schedule_row(each, setting) for each in schedules.states(session)]
    return section("Schedules", rows or [quiet("Nothing is started by the clock.")])
