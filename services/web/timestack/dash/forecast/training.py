"""The jobs that make forecasts, as components."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from dash import html
from dash.development.base_component import Component

from timestack.dash.forecast import address, words
from timestack.dash.jobs import parts
from timestack.dash.jobs.parts import Setting
from timestack.dash.lists import button, section
from timestack.models.jobs import UNFINISHED, Job


def listed(found: Sequence[Job], setting: Setting, *, editor: bool) -> Component | None:
    """The jobs that make forecasts, or did not make one; None without any."""
    if not found:
        return None
    return section("Training", [_job(each, setting, editor=editor) for each in found])


def _job(job: Job, setting: Setting, *, editor: bool) -> html.Li:
    asked = words.params(job.params)
    name = words.name(asked)
    about = (
        f"test part from {words.day(date.fromisoformat(asked.test_start))},"
        f" {words.tuning(asked)}, {words.positions(asked).lower()}"
    )
    return html.Li(
        [
            html.Div(
                [
                    html.P(name, className="ts-job-title"),
                    html.P(about, className="ts-job-sub"),
                ],
                className="ts-job-what",
            ),
            html.Div([parts.chip(job.state), *parts.state(job, setting)], className="ts-job-how"),
            html.Div(parts.when(job, setting), className="ts-job-when"),
            html.Div(_do(job, name) if editor else [], className="ts-job-do"),
            parts.told(str(job.id), setting),
        ],
        id=f"job-{job.id}",
        className="ts-job",
    )


def _do(job: Job, name: str) -> list[Component]:
    if job.state in UNFINISHED:
        if job.cancel_requested_at:
            return []
        return [button("Cancel", f" {name}", verb="cancel", job=str(job.id))]
    label = ["Again…", html.Span(f" {name}", className="visually-hidden")]
    link = address.again(words.params(job.params))
    return [html.A(label, href=link, className="btn btn-sm btn-outline-primary")]
