"""What is read of the database, as the sections of the list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dash.development.base_component import Component
from sqlalchemy.orm import Session

from timestack.dash.address import href
from timestack.dash.forecast import listing, training
from timestack.dash.forecast.address import Address
from timestack.dash.forecast.filled import KIND
from timestack.dash.jobs.parts import Setting
from timestack.dash.lists import Note, told
from timestack.domains.forecast import store, tickers
from timestack.domains.jobs import listing as jobs
from timestack.domains.keyset import Key, Part
from timestack.models.forecasts import Forecast
from timestack.models.jobs import UNFINISHED, Job

# In the order of the page.
SECTIONS = ("told", "jobs", "all")
PAGE_SIZE = 25
# How long, and of how many, is said that they failed or were cancelled.
RECENT, MOST_RECENT = timedelta(days=1), 5


@dataclass(frozen=True)
class View:
    """The sections by name, and whether one of them is about to change by itself.

    ``symbols`` are those of the tickers that forecasts are being made of.
    """

    sections: dict[str, Component | None]
    moving: bool
    symbols: frozenset[str]


class GoneError(ValueError):
    """There is no such forecast."""

    def __init__(self, *ids: int):
        named = " and ".join(f"{id}" for id in ids)
        many = ("is no forecast", "It") if len(ids) == 1 else ("are no forecasts", "They")
        super().__init__(
            f"There {many[0]} {named}. {many[1]} may have been deleted, or the link is mistyped."
        )


def read(session: Session, address: Address, note: Note, *, editor: bool) -> View:
    """Read the list; raises GoneError where it is to go on after what is not there."""
    part = Part(PAGE_SIZE + 1, _after(session, address.last))
    found = store.listed(session, part, symbol=address.ticker)
    sections: dict[str, Component | None] = {}
    now = jobs.now(session)
    shown = [] if address.last else _jobs(session, now)
    setting = Setting(now, jobs.reasons(session, shown), note, admin=False)
    sections["jobs"] = training.listed(shown, setting, editor=editor)
    if found:
        sections["all"] = listing.listed(found[:PAGE_SIZE], *_links(found, address))
    elif not shown or address.ticker:
        prices = bool(tickers.spans(session))
        sections["all"] = listing.nothing(address.ticker, editor=editor, prices=prices)
    if note.text and note.about not in {str(job.id) for job in shown}:
        sections["told"] = told(note.about, note)
    at_work = [job for job in shown if job.state in UNFINISHED]
    return View(sections, bool(at_work), frozenset(job.params["symbol"] for job in at_work))


def _after(session: Session, last: int | None) -> Key | None:
    if last is None:
        return None
    forecast = session.get(Forecast, last)
    if forecast is None:
        raise GoneError(last)
    return store.NEWEST.key(forecast)


def _links(found: list[Forecast], address: Address) -> tuple[str | None, str | None]:
    more = len(found) > PAGE_SIZE
    last = str(found[PAGE_SIZE - 1].id) if more else None
    older = href(ticker=address.ticker, before=last) if more else None
    return older, href(ticker=address.ticker) if address.before else None


def _jobs(session: Session, now: datetime) -> list[Job]:
    """Those that are at it, those that wait, and those that lately made none."""
    running = jobs.latest(session, jobs.Filter(KIND, "running"), limit=PAGE_SIZE)
    queued = jobs.line(session, KIND, limit=PAGE_SIZE)
    ended = [
        job
        for state in ("failed", "cancelled")
        for job in jobs.latest(session, jobs.Filter(KIND, state), limit=MOST_RECENT)
    ]
    recent = [job for job in ended if job.finished_at and job.finished_at > now - RECENT]
    recent.sort(key=lambda job: job.finished_at, reverse=True)
    return [*reversed(running), *queued, *recent[:MOST_RECENT]]
