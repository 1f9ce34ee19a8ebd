"""The parts of the Jobs page as components. Each part of a list has an id, by which the browser
keeps it, its focus included, when others come and go."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dash import html
from dash.development.base_component import Component

from timestack.dash import lists
from timestack.dash.address import href
from timestack.dash.lists import Note, button, exact
from timestack.domains.jobs import listing, words
from timestack.domains.jobs.kinds import KINDS, Kind
from timestack.models.jobs import FINISHED, STATES, Job, PausedKind, ScheduleState

LABELS = {
    "queued": "queued now",
    "running": "running now",
    "succeeded": "succeeded in 24 h",
    "failed": "failed in 24 h",
    "cancelled": "cancelled in 24 h",
}
CHIPS = {
    "running": "ts-chip ts-chip-info",
    "succeeded": "ts-chip ts-chip-ok",
    "failed": "ts-chip ts-chip-bad",
    "paused": "ts-chip ts-chip-warn",
}
COUNTS = {"running": "ts-count-running", "failed": "ts-count-failed"}
# Characters of a list's line; a job's own page shows all.
LONGEST = 200


@dataclass(frozen=True)
class Setting:
    """What the parts are shown with: the database's time, why jobs wait, the user's rights.

    ``state`` is the only one that is listed, None for several.
    """

    now: datetime
    reasons: Mapping[UUID, str]
    note: Note
    admin: bool
    state: str | None = None


def title(kind: str) -> str:
    """A kind in words, by its name where it is one of former days."""
    return KINDS[kind].title if kind in KINDS else kind


def chip(state: str) -> html.Span:
    """The state of a job or a kind."""
    return html.Span(state, className=CHIPS.get(state, "ts-chip"))


def counts(found: Mapping[str, int], state: str | None) -> html.Ul:
    """How many jobs of all kinds are in each state; each leads to the list of them."""

    def count(name: str) -> html.Li:
        number = found[name]
        shown = f"{number:,}+" if number >= listing.MOST_COUNTED else f"{number:,}"
        link = html.A(
            [html.Span(shown, className="ts-count"), html.Span(LABELS[name])],
            href=href(state=name),
            className=COUNTS.get(name) if number else None,
        )
        return html.Li(link, id=f"jobs-count-{name}", className="active" if name == state else None)

    return html.Ul([count(name) for name in STATES], className="ts-counts")


def row(job: Job, setting: Setting) -> html.Li:
    """A job in a list."""
    return html.Li(
        [
            html.Div(
                [
                    html.P(
                        html.A(title(job.kind), href=href(job=str(job.id))),
                        className="ts-job-title",
                    ),
                    html.P(_details(job), className="ts-job-sub"),
                ],
                className="ts-job-what",
            ),
            html.Div(
                [
                    *([chip(job.state)] if job.state in {*FINISHED} - {setting.state} else []),
                    *state(job, setting),
                ],
                className="ts-job-how",
            ),
            html.Div(when(job, setting), className="ts-job-when"),
            html.Div(buttons(job), className="ts-job-do"),
            told(str(job.id), setting),
        ],
        id=f"job-{job.id}",
        className="ts-job",
    )


def _details(job: Job) -> list:
    parts = [html.Code(job.kind)]
    if given := words.assignments(job.kind, job.params):
        parts += [" ", html.Span(_cut(given), className="ts-mono")]
    if job.submitted_by:
        parts += [" by ", job.submitted_by]
    return parts


def state(job: Job, setting: Setting) -> list[Component]:
    """How far a job is, why it waits or why it failed."""
    if job.state == "running":
        return [bar(job), html.P(_running(job), className="ts-job-message")]
    if job.state == "queued":
        said = [html.P(_upper(setting.reasons.get(job.id, "")))]
        if job.message:
            said.append(html.P(_upper(_cut(job.message)), className="ts-job-message"))
        return said
    if not job.message:
        return []
    look = "ts-job-fault" if job.state == "failed" else "ts-job-message"
    return [html.P(_upper(_cut(job.message)), className=look)]


def bar(job: Job) -> html.Div:
    """How far a running job is."""
    percent = f"{job.progress:.0%}"
    return html.Div(
        [
            html.Div(
                html.Div(style={"width": percent}),
                className="ts-bar-track",
                role="progressbar",
                **{
                    "aria-label": f"Progress of {title(job.kind)}",
                    "aria-valuemin": "0",
                    "aria-valuemax": "100",
                    "aria-valuenow": f"{job.progress * 100:.0f}",
                },
            ),
            html.Span(percent, className="ts-bar-number"),
        ],
        className="ts-bar-line",
    )


def _running(job: Job) -> str:
    if job.cancel_requested_at:
        return "Cancelling: it ends at its next step"
    attempt = f"attempt {job.attempts} of {job.max_attempts}" if job.attempts > 1 else ""
    return _upper(", ".join(filter(None, (_cut(job.message), attempt))))


def when(job: Job, setting: Setting) -> list[Component]:
    """Since when a job waits or runs, or when it ended and how long it took."""
    if job.state == "queued":
        return [html.P(["since ", time(job.created_at, setting)]), _for(job.created_at, setting)]
    if job.state == "running":
        return [html.P(["since ", time(job.started_at, setting)]), _for(job.started_at, setting)]
    said = [html.P(time(job.finished_at, setting))]
    if job.started_at and job.finished_at:
        took = words.lasting(job.finished_at - job.started_at)
        said.append(html.P(f"took {took}", className="ts-job-message"))
    return said


def _for(start: datetime | None, setting: Setting) -> html.P:
    return html.P(f"for {words.age(start, setting.now)}", className="ts-job-message")


def time(moment: datetime | None, setting: Setting) -> html.Time | html.Span:
    """A time in UTC."""
    return lists.time(moment, setting.now)


def told(about: str, setting: Setting) -> html.P | None:
    """What became of the last action, beside its button."""
    return lists.told(about, setting.note)


def buttons(job: Job) -> list[Component]:
    """What can be done with a job."""
    about = f" {title(job.kind)}, job {words.short(job.id)}"
    if job.state == "queued" or (job.state == "running" and not job.cancel_requested_at):
        return [button("Cancel", about, verb="cancel", job=str(job.id))]
    if job.state in ("failed", "cancelled") and job.kind in KINDS:
        return [button("Retry", about, verb="retry", job=str(job.id))]
    return []


def one(job: Job, setting: Setting, waits_for: Job | None) -> html.Section:
    """Everything about a job."""
    facts = {
        "Job": html.Code(str(job.id)),
        "Kind": html.Code(job.kind),
        "Parameters": _json(job.params) if job.params else "none",
        "Submitted by": job.submitted_by or "the software itself",
        "Request id": html.Code(job.request_id) if job.request_id else None,
        "Priority": f"{job.priority} (0 goes first, 9 last)",
        "Attempts": f"{job.attempts} of {job.max_attempts}",
        "Submitted": exact(job.created_at),
        "Not before": exact(job.run_at) if job.run_at > job.created_at else None,
        "Waits for": _other(waits_for) if waits_for else None,
        "Started": exact(job.started_at) if job.started_at else None,
        "Ended": exact(job.finished_at) if job.finished_at else None,
        "Took": _took(job),
        "Cancelled at": exact(job.cancel_requested_at) if job.cancel_requested_at else None,
        "Result": _json(job.result) if job.state in FINISHED and job.result is not None else None,
    }
    return html.Section(
        [
            html.Div(
                [
                    html.H2([title(job.kind), " ", chip(job.state)], className="h4 mb-0"),
                    html.Div(buttons(job), className="ts-job-do"),
                ],
                className="ts-card-head",
            ),
            told(str(job.id), setting),
            html.Div(state(job, setting), className="ts-job-how"),
            html.Dl(
                [
                    html.Div([html.Dt(name), html.Dd(value)], id=f"job-{number}")
                    for number, (name, value) in enumerate(facts.items())
                    if value is not None
                ],
                className="ts-facts",
            ),
            _errors(job),
        ],
        className="ts-card ts-one",
        id=f"job-{job.id}",
        **{"aria-label": title(job.kind)},
    )


def _took(job: Job) -> str | None:
    return words.lasting(job.finished_at - job.started_at) if _both(job) else None


def _both(job: Job) -> bool:
    return job.started_at is not None and job.finished_at is not None


def _other(job: Job) -> html.Span:
    link = html.A(f"{title(job.kind)}, {words.short(job.id)}", href=href(job=str(job.id)))
    return html.Span([link, f", which is {job.state}"])


def _errors(job: Job) -> html.Div | None:
    if not job.errors:
        return None
    rows = [
        html.Li(
            [
                html.P(
                    [
                        f"Attempt {each['attempt']}, ",
                        exact(datetime.fromisoformat(each["at"])),
                    ],
                    className="ts-job-message",
                ),
                html.P(each["error"], className="ts-job-fault"),
            ],
            id=f"job-error-{number}",
        )
        for number, each in enumerate(job.errors)
    ]
    heading = html.H3("Attempts that failed", className="ts-eyebrow")
    return html.Div([heading, html.Ol(rows, className="ts-jobs")], className="ts-errors")


def _json(value: Any) -> html.Pre:
    return html.Pre(json.dumps(value, indent=2, ensure_ascii=False), tabIndex=0)


def kind_row(kind: Kind, pause: PausedKind | None, setting: Setting) -> html.Li:
    """A kind, which administrators start and pause."""
    about = f" {kind.title}"
    how = []
    if pause:
        by = f" by {pause.paused_by}" if pause.paused_by else ""
        how = [html.P(["Since ", time(pause.paused_at, setting), by], className="ts-job-message")]
    switch = ("Resume", "resume") if pause else ("Pause", "pause")
    return html.Li(
        [
            html.Div(
                [
                    html.Div(
                        [html.Span(kind.title), *([chip("paused")] if pause else [])],
                        className="ts-job-title",
                    ),
                    html.P(html.Code(kind.name), className="ts-job-sub"),
                    *how,
                ],
                className="ts-job-what",
            ),
            html.Div(
                [
                    button(switch[0], about, verb=switch[1], kind=kind.name),
                    html.A(
                        ["Start", html.Span(about, className="visually-hidden"), "…"],
                        href=href(start=kind.name),
                        className="btn btn-sm btn-outline-primary",
                    ),
                ]
                if setting.admin
                else [],
                className="ts-job-do",
            ),
            told(kind.name, setting),
        ],
        id=f"kind-{kind.name.replace('.', '-')}",
        className="ts-job ts-job-short",
    )


def schedule_row(each: ScheduleState, setting: Setting) -> html.Li:
    """A schedule with its last and next run."""
    last = time(each.last_at, setting)
    if each.last_job:
        last = html.A(last, href=href(job=str(each.last_job)))
    return html.Li(
        [
            html.Div(
                [
                    html.Div(_upper(each.name), className="ts-job-title"),
                    html.P(
                        [html.Code(each.kind), " ", html.Code(each.cron), f" {each.zone}"],
                        className="ts-job-sub",
                    ),
                ],
                className="ts-job-what",
            ),
            html.Dl(
                [
                    html.Div([html.Dt("Next"), html.Dd(time(each.due_at, setting))]),
                    html.Div([html.Dt("Last"), html.Dd(last)]),
                ],
                className="ts-job-times",
            ),
        ],
        id=f"schedule-{each.name.replace(' ', '-').replace('.', '-')}",
        className="ts-job ts-job-short",
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
