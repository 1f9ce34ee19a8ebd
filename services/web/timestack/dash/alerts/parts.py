"""The parts of the Alerts page as components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from dash import html
from dash.development.base_component import Component

from timestack.dash.address import href
from timestack.dash.alerts.actions import SPANS
from timestack.dash.lists import Note, button, time, told
from timestack.domains.alerts import words
from timestack.domains.alerts.listing import Standing, silence_of
from timestack.domains.alerts.rules import Rules
from timestack.domains.jobs.words import age
from timestack.domains.sensors import Sensor
from timestack.models.alerts import Alert, Silence

CHIPS = {
    "critical": "ts-chip ts-chip-bad",
    "warning": "ts-chip ts-chip-warn",
    "info": "ts-chip ts-chip-info",
    "firing": "ts-chip ts-chip-bad",
    "pending": "ts-chip ts-chip-warn",
    "quiet": "ts-chip ts-chip-ok",
    "not looked at": "ts-chip ts-chip-bad",
}


@dataclass(frozen=True)
class Setting:
    """What the parts are shown with: the database's time, the rules, what is silent, the user."""

    now: datetime
    rules: Rules
    silences: Sequence[Silence]
    note: Note
    editor: bool
    sensors: Mapping[int, Sensor]


def fault(faults: Sequence[str]) -> html.Div:
    """The file of rules cannot be used."""
    return html.Div(
        [
            html.P("The file of rules cannot be used: nothing is looked at until it is corrected."),
            html.Ul([html.Li(html.Code(each)) for each in faults[:10]]),
        ],
        className="ts-notice ts-notice-bad",
        role="alert",
    )


def counts(found: Mapping[str, int], silenced: int) -> html.Ul:
    """How many alerts there are, and how much is silent."""

    def count(name: str, number: int, look: str = "") -> html.Li:
        shown = [html.Span(f"{number:,}", className="ts-count"), html.Span(name)]
        return html.Li(
            html.Div(shown, className=f"ts-count-box {look}".strip()), id=f"alerts-count-{name}"
        )

    firing = found["firing"]
    return html.Ul(
        [
            count("firing", firing, "ts-count-failed" if firing else ""),
            count("pending", found["pending"]),
            count("silenced", silenced),
        ],
        className="ts-counts ts-counts-few",
    )


def chip(text: str) -> html.Span:
    """A severity or a state."""
    return html.Span(text, className=CHIPS.get(text, "ts-chip"))


def alert(each: Alert, setting: Setting) -> html.Li:
    """An alert that is open."""
    rule = setting.rules.rules.get(each.rule)
    seen = words.reading(each, rule)
    what = [html.P(f"{seen}; {words.condition(rule)}" if rule else seen)]
    if rule and rule.message:
        what.append(html.P(rule.message, className="ts-job-message"))
    if silent := silence_of(setting.silences, each.rule, {}):
        what.append(_silent(silent, setting, f"All of {each.rule} is silenced until "))
    elapsed = age(each.since, setting.now)
    return html.Li(
        [
            html.Div(
                [
                    html.P([_series(each, setting), chip(each.severity)], className="ts-job-title"),
                    html.P(html.A(each.rule, href=href(rule=each.rule)), className="ts-job-sub"),
                ],
                className="ts-job-what",
            ),
            html.Div(what, className="ts-job-how"),
            html.Div(
                [
                    html.P(["since ", time(each.since, setting.now)]),
                    html.P(f"for {elapsed}", className="ts-job-message"),
                ],
                className="ts-job-when",
            ),
            _silence(each.rule, each.keys, f" {each.rule}, {each.label}", setting, str(each.id)),
            told(str(each.id), setting.note),
        ],
        id=f"alert-{each.id}",
        className="ts-job ts-alert",
    )


def rule(name: str, standing: Standing, setting: Setting, why: str | None = None) -> html.Li:
    """A rule with how it is, and ``why`` it cannot be looked at."""
    declared, last = setting.rules.rules[name], standing.last_fired_at
    states = [
        chip(state) if number == 1 else html.Span(f"{number:,} {state}", className=CHIPS[state])
        for state, number in (("firing", standing.firing), ("pending", standing.pending))
        if number
    ]
    return html.Li(
        [
            html.Div(
                [
                    html.P(
                        [
                            html.A(name, href=href(rule=name)),
                            chip(declared.severity),
                            *(states or ([] if why else [chip("quiet")])),
                            *([chip("not looked at")] if why else []),
                        ],
                        className="ts-job-title",
                    ),
                    html.P(words.scope(declared), className="ts-job-sub"),
                ],
                className="ts-job-what",
            ),
            html.Div(
                [
                    html.P(words.condition(declared)),
                    html.P(declared.message, className="ts-job-message"),
                    *([html.P(f"{why[:1].upper()}{why[1:]}.", className="ts-bad")] if why else []),
                ],
                className="ts-job-how",
            ),
            html.Div(
                html.P(["last fired ", time(last, setting.now)] if last else "never fired"),
                className="ts-job-when",
            ),
            _silence(name, {}, f" {name}", setting),
            told(name, setting.note),
        ],
        id=f"rule-{name}",
        className="ts-job ts-alert",
    )


def no_rules(name: str | None) -> html.Li:
    """There are no rules, or none of the name."""
    if name is not None:
        text = [f"There is no rule {name}: it was removed. ", html.A("All rules", href="?")]
    else:
        file = html.Code("services/timescaledb/schema/alerts.yaml")
        text = ["There is none yet: write one into ", file, ", then ", html.Code("make up"), "."]
    return html.Li(text, id="rules-none", className="text-body-secondary")


def episode(each: Alert, setting: Setting) -> html.Li:
    """An entry of the history."""
    if each.resolved_at is None:
        end = [html.P("still fires")]
    else:
        end = [html.P(["until ", time(each.resolved_at, setting.now)])]
    reason = f"{each.reason[:1].upper()}{each.reason[1:]}" if each.reason else ""
    return html.Li(
        [
            html.Div(
                [
                    html.P([_series(each, setting), chip(each.severity)], className="ts-job-title"),
                    html.P(html.A(each.rule, href=href(rule=each.rule)), className="ts-job-sub"),
                ],
                className="ts-job-what",
            ),
            html.Div(html.P(reason, className="ts-job-message"), className="ts-job-how"),
            html.Div(
                [html.P(["from ", time(each.fired_at, setting.now)]), *end],
                className="ts-job-when",
            ),
        ],
        id=f"episode-{each.id}",
        className="ts-job ts-episode",
    )


def _series(each: Alert, setting: Setting) -> Component:
    """A series, with a link to its chart where there is one."""
    sensor = setting.sensors.get(each.keys.get("sensor_id")) if each.source == "readings" else None
    if sensor is None:
        return html.Span(each.label)
    of = {"type": sensor.type, "location": sensor.location, "sensor": sensor.name}
    return html.A(each.label, href=f"sensors?{urlencode(of)}")


def _silence(
    name: str, keys: Mapping[str, Any], about: str, setting: Setting, id: str = ""
) -> html.Div:
    """Until when it is silent, and what an editor can do about it."""
    ask = {"rule": name, **({"alert": id} if id else {})}
    silent = silence_of(setting.silences, name, keys)
    shown: list[Component] = [_silent(silent, setting, "Silenced until ")] if silent else []
    if setting.editor and silent:
        shown.append(button("Lift", f" the silence of{about}", verb="lift", **ask))
    elif setting.editor:
        heading = html.Span("Silence for", className="ts-hint", **{"aria-hidden": "true"})
        shown += [
            heading,
            *(
                button(span, f" of silence for{about}", verb="silence", span=span, **ask)
                for span in SPANS
            ),
        ]
    return html.Div(shown, className="ts-job-do ts-silence")


def _silent(silent: Silence, setting: Setting, text: str) -> html.P:
    by = f" by {silent.silenced_by}" if silent.silenced_by else ""
    return html.P([text, time(silent.until, setting.now), by], className="ts-job-message")
