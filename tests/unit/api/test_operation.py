"""What an endpoint's declaration does: reading strictly, naming faults, and describing itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import assume, given
from hypothesis import strategies as st
from openapi_pydantic import OpenAPI
from pydantic import Field, TypeAdapter, ValidationError

from tests.unit.web.conftest import environment as environment
from tests.unit.web.conftest import make_app, signed_in  # noqa: F401
from timestack import errors
from timestack.api.operation import Answer, Resource
from timestack.api.types import Body, Id, Limit, Query, Text, Time, View

resource = Resource("things", __name__, url_prefix="/api/things", about="Things.")


class ThingsQuery(Query):
    limit: Limit = 100
    since: Time | None = None
    name: list[Text] = Field(default_factory=list)


class NewThing(Body):
    id: Id
    name: Text
    size: float = 0
    parts: list[NewThing] = Field(default_factory=list)


class Thing(View):
    asked: str


@resource.get("", query=ThingsQuery, answer=Thing)
def index(query: ThingsQuery) -> Thing:
    """Things."""
    return Thing(asked=query.model_dump_json(exclude_unset=True))


@resource.post("", body=NewThing, answer=Thing, status=201)
def create(body: NewThing) -> Answer:
    """Make a thing."""
    return Answer(Thing(asked=body.model_dump_json(exclude_unset=True)), headers={"Location": "/1"})


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    app = Flask(__name__)
    errors.init_app(app)
    app.register_blueprint(resource)
    return app.test_client()


def asked(client: FlaskClient, query: str) -> dict:
    answer = client.get(f"/api/things?{query}")
    assert answer.status_code == 200, answer.text
    return json.loads(answer.get_json()["asked"])


def test_parameters_are_read_by_their_types(client: FlaskClient) -> None:
    assert asked(client, "limit=7&since=2026-01-31T12:00:00%2B02:00&name=a&name=b") == {
        "limit": 7,
        "since": "2026-01-31T10:00:00Z",
        "name": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("limit=0", {"limit": "greater than or equal to 1"}),
        ("limit=1000000000", {"limit": "less than or equal to 1000"}),
        ("limit=1_0", {"limit": "an integer in digits"}),
        ("limit=%201", {"limit": "an integer in digits"}),
        ("limit=1.0", {"limit": "an integer in digits"}),
        ("limit=99999999999999999999", {"limit": "an integer in digits"}),
        ("limit=", {"limit": "an integer in digits"}),
        ("limit=1&limit=1", {"limit": "given twice"}),
        ("since=2026-01-31T12:00:00", {"since": "timezone"}),
        ("since=2026-01-31", {"since": "should be a time such as"}),
        ("since=1769860800", {"since": "should be a time such as"}),
        ("since=10000-01-01T00:00:00Z", {"since": "should be a time such as"}),
        ("since=2026-01-31T12:00:00+02:00", {"since": "%2B"}),
        ("since=0001-01-01T00:00:00%2B14:00", {"since": "years 1 to 9999"}),
        ("since=2026-02-30T00:00:00Z", {"since": "day"}),
        ("name=%00", {"name": "printable"}),
        ("name=%20", {"name": "printable"}),
        ("name=a%0A", {"name": "printable"}),
        ("name=" + "x" * 501, {"name": "at most 500"}),
        ("x=1&limit=z", {"x": "is not a parameter here", "limit": "an integer in digits"}),
    ],
)
def test_a_faulty_parameter_is_named(
    client: FlaskClient, query: str, faults: dict[str, str]
) -> None:
    answer = client.get(f"/api/things?{query}")
    assert (answer.status_code, answer.mimetype) == (422, errors.PROBLEM)
    found = {each["parameter"]: each["detail"] for each in answer.get_json()["errors"]}
    assert set(found) == set(faults)
    assert all(words in found[name] for name, words in faults.items()), found
    assert all(name in answer.get_json()["detail"] for name in faults)


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        (b'{"id": 1, "name": "a", "id": 2}', 400, "'id' is given twice"),
        (b'{"id": 1, "name": "a", "size": NaN}', 400, "NaN"),
        (b'{"id": 1, "name": "a", "size": -Infinity}', 400, "-Infinity"),
        (b'{"id": 1, "name": "\xff"}', 400, "byte 20"),
        (b"", 400, "line 1"),
        (b"[" * 5000, 400, None),
        (b'{"id": 1, "name": "a", "parts": ' + b"[" * 200 + b"]" * 200 + b"}", 422, None),
        (b'{"id": ' + b"9" * 500 + b', "name": "a"}', 400, "500 digits"),
        (b'{"id": 18446744073709551616, "name": "a"}', 422, "/id"),
        (b'{"id": "1", "name": "a"}', 422, "/id"),
        (b'{"id": true, "name": "a"}', 422, "/id"),
        (b'{"id": null, "name": "a"}', 422, "/id"),
        (b'{"id": 1.5, "name": "a"}', 422, "/id"),
        (b'{"id": 1, "name": "a", "size": 1e400}', 422, "/size"),
        (b'{"id": 1, "name": "a\\u0000"}', 422, "/name"),
        (b'{"id": 1, "name": "a\\ud800"}', 422, ""),
        (b'{"id": 1, "name": "a", "a/b": 1}', 422, "/a~1b"),
        (b'{"id": 1, "name": "a", "parts": [{"id": 1}]}', 422, "/parts/0/name"),
        (b"[]", 422, ""),
        (b"null", 422, ""),
    ],
)
def test_a_faulty_body_is_refused_with_its_place(
    client: FlaskClient, body: bytes, status: int, place: str | None
) -> None:
    answer = client.post("/api/things", data=body, content_type="application/json")
    assert (answer.status_code, answer.mimetype) == (status, errors.PROBLEM), answer.text
    problem = answer.get_json()
    if status == 422 and place is not None:
        assert [each["pointer"] for each in problem["errors"]] == [place]
    assert status == 422 or (place or "") in problem["detail"]


def test_a_packed_body_is_not_read(client: FlaskClient) -> None:
    answer = client.post("/api/things", json={}, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, "Content-Encoding" in answer.get_json()["detail"]) == (415, True)


def test_a_body_of_another_type_is_not_read(client: FlaskClient) -> None:
    answer = client.post("/api/things", data={"id": "1"})
    assert (answer.status_code, "application/json" in answer.get_json()["detail"]) == (415, True)


@given(st.datetimes(timezones=st.timezones()).filter(lambda time: 1 < time.year < 9999))
def test_a_time_is_the_same_moment_however_it_is_written(time: datetime) -> None:
    written = time.isoformat()
    # RFC 3339 has no seconds in an offset.
    assume(re.search(r"[+-]\d\d:\d\d$", written))
    read = ThingsQuery.model_validate({"since": written}).since
    assert (read, read.tzinfo) == (datetime.fromisoformat(written).astimezone(UTC), UTC)


def test_an_answer_is_sent_once(client: FlaskClient) -> None:
    first = client.get("/api/things?limit=1")
    assert first.headers["Cache-Control"] == "private, no-cache"
    asked = {"If-None-Match": first.headers["ETag"]}
    again = client.get("/api/things?limit=1", headers=asked)
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/api/things?limit=2", headers=asked).status_code == 200


@given(st.text(max_size=20))
def test_a_text_is_what_the_pattern_in_the_document_says(text: str) -> None:
    schema = TypeAdapter(Text).json_schema()
    fits = re.fullmatch(schema["pattern"], text) is not None
    try:
        read = TypeAdapter(Text).validate_python(text)
    except ValidationError:
        assert not fits
    else:
        assert fits
        assert read == text.strip() != ""


def test_a_name_may_have_joined_characters_and_blanks_of_other_kinds(client: FlaskClient) -> None:
    for name in ("خانه\u200cها", "👩\u200d🔬", "5\u00a0%", "a b"):
        answer = client.post("/api/things", json={"id": 1, "name": name})
        assert json.loads(answer.get_json()["asked"])["name"] == name


def test_what_is_made_is_answered_with_its_address(client: FlaskClient) -> None:
    answer = client.post("/api/things", json={"id": 2**53, "name": " a "})
    assert (answer.status_code, answer.headers["Location"]) == (201, "/1")
    assert json.loads(answer.get_json()["asked"]) == {"id": 2**53, "name": "a"}
    assert "ETag" not in answer.headers


def test_the_document_has_every_route_of_the_api(make_app: Callable[..., Flask]) -> None:  # noqa: F811
    app = make_app(URL_PREFIX="/stack")
    document = signed_in(app).get("/stack/api/v1/openapi.json").get_json()
    OpenAPI.model_validate(document)
    assert document["servers"] == [{"url": "/stack/api/v1"}]
    routes = {
        (method.lower(), re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and rule.endpoint != "api.describe"
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    described = {
        (method, f"/api/v1{path}") for path, item in document["paths"].items() for method in item
    }
    assert described == routes
    # OpenAPI has no such thing, and its readers refuse it.
    assert ": null" not in json.dumps(document["paths"])
    assert all(
        operation["summary"] and operation["responses"]
        for item in document["paths"].values()
        for operation in item.values()
    )
