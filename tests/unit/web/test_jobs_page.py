"""The Jobs page before any database is asked: who may, what is refused, forms, words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import pytest
from dash.development.base_component import Component
from flask import Flask
from flask.testing import FlaskClient
from pydantic import Field

from tests.unit.web.conftest import person, signed_in
from tests.unit.web.test_dash import UPDATE, body
from timestack.dash.jobs import form
from timestack.domains.jobs import forms, words
from timestack.domains.jobs.kinds import Kind, Params

JOB = "00000000-0000-0000-0000-000000000001"


def post(client: FlaskClient, output: str, **values: Any) -> int:
    return client.post(UPDATE, json=body(client, output, **values)).status_code


def act(client: FlaskClient, asked: Any) -> int:
    return post(client, "jobs-note.data", **{"jobs-action": asked})


def start(client: FlaskClient, asked: Any) -> int:
    return post(client, "jobs-form.children", **{"jobs-start-asked": asked})


# Who may


def test_the_page_is_closed_to_viewers_at_every_door(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    viewer = signed_in(app, person("viewer"))
    assert "/dash/jobs" not in viewer.get("/").text
    assert viewer.get("/dash/jobs").status_code == 403
    route = {"path": "/dash/jobs", "search": "", "width": 1000}
    assert post(viewer, "page.children", route=route) == 403
    outputs = [
        each["output"]
        for each in viewer.get("/dash/_dash-dependencies").get_json()
        if "jobs-" in each["output"] and not each.get("clientside_function")
    ]
    assert len(outputs) == 3
    for output in outputs:
        assert post(viewer, output) == 403, output


def test_an_editor_opens_it_from_the_bar(make_app: Callable[..., Flask]) -> None:
    editor = signed_in(make_app(), person("editor"))
    assert 'href="/dash/jobs"' in editor.get("/").text
    assert editor.get("/dash/jobs").status_code == 200


def test_an_editor_cancels_but_neither_starts_nor_pauses(make_app: Callable[..., Flask]) -> None:
    editor = signed_in(make_app(), person("editor"))
    # The database is away: whoever may, gets a page that says so.
    assert act(editor, {"verb": "cancel", "job": JOB}) == 200
    assert act(editor, {"verb": "pause", "kind": "jobs.probe"}) == 403
    assert act(editor, {"verb": "resume", "kind": "jobs.probe"}) == 403
    assert start(editor, {"kind": "jobs.probe", "filled": {}, "id": JOB}) == 403
    route = {"path": "/dash/jobs", "search": "?start=jobs.probe", "width": 1000}
    assert post(editor, "page.children", route=route) == 403


# What no page sends


@pytest.mark.parametrize(
    "asked",
    [
        *(None, 1, "cancel", [], {}),
        *({"verb": "drop", "job": JOB}, {"verb": ["cancel"], "job": JOB}, {"verb": "cancel"}),
        *({"verb": "cancel", "job": "1"}, {"verb": "cancel", "job": 1}, {"verb": "pause"}),
        {"verb": "pause", "kind": "x\0"},
    ],
)
def test_an_action_that_no_button_asks_for_is_refused(client: FlaskClient, asked: Any) -> None:
    assert act(client, asked) == 400


@pytest.mark.parametrize(
    "asked",
    [
        *(None, "x", {}, {"kind": "no.such", "filled": {}}, {"kind": ["jobs.probe"]}),
        *({"kind": "jobs.probe"}, {"kind": "jobs.probe", "filled": "x"}),
        {"kind": "jobs.probe", "filled": {"seconds": 1}, "id": JOB},
        *({"kind": "jobs.probe", "filled": {}, "id": id} for id in (None, 1, "1")),
        {"kind": "jobs.probe", "filled": {f"f{number}": "x" for number in range(51)}, "id": JOB},
    ],
)
def test_a_form_that_is_not_ours_is_refused(client: FlaskClient, asked: Any) -> None:
    assert start(client, asked) == 400


@pytest.mark.parametrize(
    "asked",
    [
        *(None, [], "x", {"job": "1"}, {"state": "lost"}, {"kind": 1}, {"before": ["x"]}),
        *({"kind": "x" * 201}, {"kind": "a\0b"}, {"start": "no.such"}),
    ],
)
def test_a_look_at_what_cannot_be_is_refused(client: FlaskClient, asked: Any) -> None:
    assert post(client, "jobs-seen.data", **{"jobs-what": asked}) == 400


@pytest.mark.parametrize("query", ["job=1", "state=lost", "before=x", "start=no.such"])
def test_an_address_that_asks_for_what_cannot_be_says_so(client: FlaskClient, query: str) -> None:
    route = {"path": "/dash/jobs", "search": f"?{query}", "width": 1000}
    answer = client.post(UPDATE, json=body(client, "page.children", route=route))
    assert answer.status_code == 200
    assert "Unknown job" in answer.text


def test_without_the_database_it_looks_less_often_and_says_so(client: FlaskClient) -> None:
    answer = client.post(UPDATE, json=body(client, "jobs-seen.data", **{"jobs-what": {}}))
    changes = answer.get_json()["sideUpdate"]
    assert changes["jobs-clock"]["interval"] == 15_000
    assert "The database does not answer" in str(changes["alert"])


# Forms


class Everything(Params):
    """One parameter of each type."""

    days: Annotated[int, Field(ge=1, le=180)] | None = None
    share: Annotated[float, Field(gt=0)] = 0.5
    name: Annotated[str, Field(description="of the run")]
    site: Literal["north", "south"] = "north"
    deep: bool = False
    since: date | None = None
    tags: list[str] = Field(default=[], title="Tags of it")


KIND = Kind("test.everything", "Try everything", Everything)


def found(component: Any) -> dict[str, Component]:
    """Every component with an id."""
    return {each.id: each for each in component._traverse() if getattr(each, "id", None)}


def test_a_form_has_a_field_for_each_parameter_and_says_what_it_takes() -> None:
    parts = found(form.form(KIND, {}, []))
    days = parts["start-days"]
    assert (days.type, days.min, days.max, days.value) == ("number", 1, 180, "")
    assert (parts["start-share"].step, parts["start-share"].value) == ("any", "0.5")
    assert [each["value"] for each in parts["start-site"].options] == ["north", "south"]
    assert [each["value"] for each in parts["start-deep"].options] == ["true", "false"]
    assert parts["start-deep"].value == "false"
    assert parts["start-since"].type == "date"
    assert parts["start-tags"].value == "[]"
    assert "at least 1, at most 180" in str(parts["start-days-field"])
    assert "of the run, required" in str(parts["start-name-field"])
    assert "Tags of it" in str(parts["start-tags-field"])


def test_a_form_keeps_what_was_filled_in_and_shows_each_fault_at_its_field() -> None:
    faults = ["days: Input should be less than 180", "params: something else"]
    whole = form.form(KIND, {"days": "999", "name": "5"}, faults)
    parts = found(whole)
    assert (parts["start-days"].value, parts["start-days"].invalid) == ("999", True)
    assert "Input should be less than 180." in str(parts["start-days-field"])
    assert (parts["start-name"].value, parts["start-name"].invalid) == ("5", False)
    assert "Params: something else." in str(whole)


def test_what_is_filled_in_becomes_parameters_that_the_model_takes() -> None:
    filled = {
        "days": "7", "share": "0.25", "name": "5", "site": "south", "deep": "true",
        "since": "2026-01-31", "tags": '["a"]',
    }  # fmt: skip
    params = Everything(**forms.parameters(KIND, filled))
    assert params == Everything(
        days=7, share=0.25, name="5", site="south", deep=True, since=date(2026, 1, 31), tags=["a"]
    )
    # Empty is the default, and what there is not is for the model to refuse.
    assert forms.parameters(KIND, {"days": "", "other": "x"}) == {"other": "x"}


# Words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "0 s"), (0.0123, "12 ms"), (1.25, "1.2 s"), (7, "7 s"), (59.7, "1 min")),
        *((125, "2 min 5 s"), (3600, "1 h"), (3660, "1 h 1 min"), (90_061, "1 d 1 h"), (-5, "0 s")),
    ],
)
def test_a_duration_is_written_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert words.lasting(timedelta(seconds=seconds)) == text


def test_a_time_has_the_day_and_year_only_where_they_are_others() -> None:
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    assert words.clock(now - timedelta(hours=1), now) == "11:00:00"
    assert words.clock(now - timedelta(days=1), now) == "25 Nov 12:00:00"
    assert words.clock(now - timedelta(days=365), now) == "26 Nov 2025 12:00:00"


def test_parameters_are_written_as_they_are_typed_without_the_defaults() -> None:
    params = {"mark": "two words", "seconds": 0.0}
    assert words.assignments("jobs.probe", params) == 'mark="two words"'
    params = {"mark": "5", "seconds": 2.0}
    assert words.assignments("jobs.probe", params) == 'mark="5" seconds=2'
    assert words.assignments("of.former.days", {"a": [1]}) == "a=[1]"
