"""Everything is closed but what the gate's list names: every rule and every callback is tried."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from copy import deepcopy
from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import BaseConverter, ValidationError

from tests.unit.web.conftest import person, signed_in
from timestack.auth import gate
from timestack.domains import users

READ_BY_STRANGERS = {
    "bootstrap.static",
    "door.admit",
    "edge.broken",
    "edge.elsewhere",
    "edge.failed",
    "health.live",
    "health.ready",
    "health.serves",
    "health.version",
    "pages.index",
    "pages.static",
    "security.forgot_password",
    "security.login",
    "security.logout",
    "security.register",
    "security.reset_password",
    "static",
}
# One of them is an argument of any kind that Werkzeug knows, of whatever length up to 64.
EXAMPLES = (
    "1.5",
    "00000000-0000-0000-0000-000000000000",
    *(letter * length for length in range(1, 65) for letter in "x1"),
)


def requests(app: Flask) -> list[tuple[str, str, str]]:
    """(endpoint, method, path) of every rule of the URL map, whatever arguments it takes."""
    adapter = app.url_map.bind("localhost")
    found = []
    for rule in app.url_map.iter_rules():
        names = rule.arguments - set(rule.defaults or ())
        values = {name: argument(rule._converters[name]) for name in names}
        for method in sorted(rule.methods - {"OPTIONS", "HEAD"}):
            path = adapter.build(rule.endpoint, values, method, append_unknown=False)
            assert adapter.match(path, method)[0] == rule.endpoint, path
            found.append((rule.endpoint, method, path))
    return found


def argument(converter: BaseConverter) -> object:
    """A value that a converter takes: an example, or the first that it names itself."""
    for text in (*sorted(getattr(converter, "items", ())), *EXAMPLES):
        if re.fullmatch(converter.regex, text):
            with contextlib.suppress(ValidationError):
                return converter.to_python(text)
    raise AssertionError(f"no example is a {type(converter).__name__}: add one to EXAMPLES")


def test_the_list_of_what_is_open_is_this_one() -> None:
    assert set(gate.PUBLIC) == READ_BY_STRANGERS


def test_a_route_is_tried_whatever_its_arguments_are(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    rules = [
        *("<x>", "<string(length=2):x>", "<path:x>", "<any(a, b):x>", "<uuid:x>", "<float:x>"),
        *("<int(min=5):x>", "<int(fixed_digits=4):x>", "<int:x>/<y>"),
    ]
    for number, rule in enumerate(rules):
        app.add_url_rule(f"/new/{number}/{rule}", f"new-{number}", view_func=lambda **_: "secret")
    paths = [path for endpoint, _, path in requests(app) if endpoint.startswith("new-")]
    assert len(paths) == len(rules)
    client = app.test_client()
    assert {client.get(path).status_code for path in paths} == {401}


@pytest.mark.parametrize("prefix", ["", "/timestack"])
def test_a_stranger_is_refused_by_every_route_that_is_not_on_the_list(
    make_app: Callable[..., Flask], prefix: str
) -> None:
    app = make_app(URL_PREFIX=prefix, REGISTRATION="yes", SMTP_HOST="mail.example.org")
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    client = app.test_client()
    tried = 0
    for endpoint, method, path in requests(app):
        if endpoint in gate.PUBLIC:
            continue
        tried += 1
        answer = client.open(
            f"{prefix}{path}", method=method, json={} if method == "POST" else None
        )
        assert answer.status_code == 401, f"{method} {path} ({endpoint})"
        page = client.open(f"{prefix}{path}", method=method, headers={"Accept": "text/html"})
        assert page.status_code in (302, 401), f"{method} {path} ({endpoint})"
        if page.status_code == 302:
            assert "/login?next=" in page.location
    assert tried > 10


def test_a_stranger_is_refused_by_every_callback(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    client, admin = app.test_client(), signed_in(make_app())
    callbacks = admin.get("/dash/_dash-dependencies").get_json()
    asked = [each for each in callbacks if not each.get("clientside_function")]
    assert asked
    for callback in asked:
        body = {
            "output": callback["output"],
            "outputs": {"id": "page", "property": "children"},
            "inputs": callback["inputs"],
            "state": callback["state"],
            "changedPropIds": [],
        }
        answer = client.post("/dash/_dash-update-component", json=body)
        assert answer.status_code == 401, callback["output"]


def test_a_new_route_is_closed_without_anybody_thinking_of_it(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()
    app.add_url_rule("/new", view_func=lambda: "secret", methods=["GET", "POST"])
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    client = app.test_client()
    assert client.get("/new").status_code == 401
    assert client.post("/new").status_code == 401
    viewer = signed_in(app, person("viewer"))
    assert viewer.get("/new").status_code == 200
    assert viewer.post("/new").status_code == 403, "changing is for editors"
    assert signed_in(app, person("editor")).post("/new").status_code == 200


@pytest.mark.parametrize("role", users.ROLES)
def test_only_an_administrator_starts_jobs(make_app: Callable[..., Flask], role: str) -> None:
    answer = signed_in(make_app(), person(role)).post("/api/v1/jobs", json={"kind": "none"})
    assert answer.status_code == (422 if role == "admin" else 403)


@pytest.mark.parametrize("path", ["/api/v1/files", "/api/v1/file-jobs"])
@pytest.mark.parametrize("role", users.ROLES)
def test_whoever_may_not_change_data_deletes_no_files(
    make_app: Callable[..., Flask], role: str, path: str
) -> None:
    answer = signed_in(make_app(), person(role)).delete(path)
    assert answer.status_code == (403 if role == "viewer" else 422)


def test_an_unknown_address_is_a_404_for_a_stranger_too(stranger: FlaskClient) -> None:
    assert stranger.get("/no-such-page").status_code == 404


def test_files_and_probes_are_served_while_the_database_is_away(stranger: FlaskClient) -> None:
    with stranger.session_transaction(base_url="https://localhost") as session:
        session["_user_id"], session["login"] = "x" * 64, "y" * 43
    for path in ("/health/live", "/version", "/static/timestack.css"):
        assert stranger.get(path, base_url="https://localhost").status_code == 200, path
    assert stranger.get("/account", base_url="https://localhost").status_code == 503


@pytest.mark.parametrize(
    "address",
    [
        *("//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example"),
        *("https://evil.example", "https:evil.example", "javascript:alert(1)", "evil.example"),
        *("/%2Fevil.example", "/%252Fevil.example", "/%5Cevil.example", "/\t/evil.example"),
        *("/\nevil", "/%09/evil.example", "/%0aevil", "/a//evil.example", "/é"),
    ],
)
def test_an_address_that_may_lead_elsewhere_is_none_to_go_on_to(address: str) -> None:
    assert not gate.is_path_here(address)


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/dash/sensors?type=wind&to=https://example.org//x",
        "/dash/sensors?sensor=temp%C3%A9rature&range=2013-01-01T00:00:00Z/2013-02-01T00:00:00Z",
        "/timestack/pgadmin/",
    ],
)
def test_a_path_of_this_site_is_one_to_go_on_to(address: str) -> None:
    assert gate.is_path_here(address)


def test_the_policy_allows_no_inline_script_and_no_other_host(client: FlaskClient) -> None:
    for path in ("/", "/dash/sensors", "/api/v1/jobs", "/no-such-page"):
        policy = dict(
            part.strip().split(" ", 1)
            for part in client.get(path).headers["Content-Security-Policy"].split(";")
        )
        assert "unsafe" not in policy["script-src"], path
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        sources = {source for value in policy.values() for source in value.split()}
        hosts = {s for s in sources if not s.startswith("'") and s not in ("data:", "blob:")}
        assert hosts == set(), path


@pytest.mark.parametrize("form", ["/login", "/register", "/recover"])
@pytest.mark.parametrize(
    "sent",
    [
        {"query_string": {"next": "//evil.example"}},
        {"data": {"next": "//evil.example"}},
        {"data": {"next": ["/account", "//evil.example"]}},
        {"data": {"next": "//evil.example"}, "content_type": "multipart/form-data"},
        {"data": {"next": (BytesIO(b"//evil.example"), "next")}},
        {"json": {"next": "//evil.example"}},
        {"json": {"next": ["//evil.example"]}},
        {
            "input_stream": BytesIO(b'{"next": "//evil.example"}'),
            "content_type": "application/json",
            # As the server says of a body in chunks, which has no length.
            "environ_overrides": {"wsgi.input_terminated": True},
        },
    ],
    ids=[
        "query",
        "form",
        "second value",
        "multipart",
        "file",
        "json",
        "json of another type",
        "json in chunks",
    ],
)
def test_however_it_is_sent_a_next_that_leads_elsewhere_is_refused(
    make_app: Callable[..., Flask], form: str, sent: dict
) -> None:
    app = make_app(REGISTRATION="yes", SMTP_HOST="mail.example.org")
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    copied = {name: deepcopy(value) for name, value in sent.items()}
    answer = app.test_client().post(form, **copied)
    assert answer.status_code == 400
    assert "would have led to another site" in answer.text
