"""What is read of the database, as the sections of the page."""

from __future__ import annotations

from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component
from flask import g
from sqlalchemy.orm import Session

from timestack.dash import guard
from timestack.dash.datasets import entries, files, listing, one
from timestack.dash.datasets.address import Address
from timestack.dash.datasets.entries import Entry
from timestack.dash.jobs.parts import Setting
from timestack.dash.lists import Note, told
from timestack.domains.jobs import listing as jobs
from timestack.models.jobs import Job

# In the order of the page; what is charted, and rows as they were, follow.
SECTIONS = ("head", "files", "all", "tools", "told", "making", "facts")


@dataclass(frozen=True)
class View:
    """The sections by name, and the dataset that they are of; ``moving``: about to change."""

    sections: dict[str, Component | None]
    entry: Entry | None = None
    moving: bool = False

    @property
    def shape(self) -> list:
        """What the rest of the page depends on."""
        return [self.entry.name, self.entry.state == "ready"] if self.entry else []

    @property
    def parameters(self) -> dict[str, str]:
        """An address of the dataset that outlasts its name."""
        row = self.entry.row if self.entry else None
        return {"dataset": str(row.id)} if row else {}


class GoneError(ValueError):
    """There is no such dataset, for who asks."""

    noun = "dataset"

    def __init__(self, reference: str):
        super().__init__(
            f"There is no dataset “{reference}”. It may have been deleted or renamed, or its owner"
            " keeps it private."
        )


def read(session: Session, address: Address, note: Note) -> View:
    """Read what an address shows; raises GoneError."""
    now = jobs.now(session)
    if address.dataset is None:
        found = entries.every(session)
        moving = any(each.state not in ("ready", "failed") for each in found)
        sections = {
            "files": files.listed(session, note) if guard.may(g.user, "editor") else None,
            "all": listing.listed(found, g.user.id, now),
        }
        return View(sections, None, moving)
    entry = entries.one(session, address.dataset)
    if entry is None:
        raise GoneError(address.dataset)
    may_change = entries.may_change(entry)
    sections = {"head": one.head(entry), "tools": one.tools(entry, may_change=may_change)}
    if entry.row is not None:
        sections["told"] = told(str(entry.row.id), note)
    if entry.now is not None:
        sections["facts"] = one.facts(entry, g.user.id, now)
        if entry.message:
            sections["making"] = html.P(entry.message, className="ts-notice ts-notice-warn mb-0")
    else:
        job = _job(session, entry)
        reasons = jobs.reasons(session, [job] if job else [])
        setting = Setting(now, reasons, note, admin=False)
        sections["making"] = one.making(entry, job, setting, may_change=may_change)
    return View(sections, entry, entry.state not in ("ready", "failed"))


def _job(session: Session, entry: Entry) -> Job | None:
    """The job that is at it; before the table is there, the one that the load waits for."""
    job = session.get(Job, entry.row.job_id) if entry.row.job_id else None
    if job and job.waits_for and entry.state == "preparing":
        return session.get(Job, job.waits_for) or job
    return job
