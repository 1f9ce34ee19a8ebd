"""The application under its prefix, behind its proxy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, jsonify, request, session, url_for
from flask.testing import FlaskClient

from tests.unit.web.conftest import signed_in
from timestack.settings import SettingsError

PATHS = ["/", "/health/live", "/version", "/static/timestack.css"]


@pytest.mark.parametrize("path", PATHS)
def test_without_a_prefix_everything_lives_at_the_root(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_with_a_prefix_everything_lives_under_it(prefixed: FlaskClient, path: str) -> None:
    assert prefixed.get(f"/timestack{path}").status_code == 200


@pytest.mark.parametrize("path", [*PATHS, "/timestackx/", "/timestacks", "/x/timestack/", "//"])
def test_outside_the_prefix_nothing_is_found(prefixed: FlaskClient, path: str) -> None:
    answer = prefixed.get(path)
    assert answer.status_code == 404
    assert answer.headers["X-Request-Id"] in answer.text
    assert 'href="/timestack/"' in answer.text


def test_the_prefix_without_a_slash_leads_to_the_start_page(prefixed: FlaskClient) -> None:
    answer = prefixed.get("/timestack")
    assert answer.status_code == 308
    assert answer.headers["Location"] == "http://localhost/timestack/"


def test_a_prefix_may_have_several_parts(make_app: Callable[..., Flask]) -> None:
    client = make_app(URL_PREFIX="/tools/timestack").test_client()
    assert client.get("/tools/timestack/health/live").status_code == 200
    assert client.get("/timestack/health/live").status_code == 404
    assert client.get("/health/live").status_code == 404


def test_every_address_on_a_page_has_the_prefix(prefixed: FlaskClient) -> None:
    for path in ("/timestack/", "/timestack/no-such-page"):
        page = prefixed.get(path).text
        addresses = [
            part.split('"')[0] for name in ("href", "src") for part in page.split(f'{name}="')[1:]
        ]
        assert addresses
        assert [a for a in addresses if not a.startswith(("/timestack/", "#"))] == []


def test_the_proxy_says_who_the_client_is_and_which_address_it_used(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(URL_PREFIX="/timestack")
    app.add_url_rule(
        "/seen",
        view_func=lambda: jsonify(
            client=request.remote_addr, url=url_for("pages.index", _external=True)
        ),
    )
    seen = signed_in(app).get(
        "/timestack/seen",
        headers={
            # The first entry is what the client itself claimed.
            "X-Forwarded-For": "10.9.9.9, 203.0.113.7",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "stack.example.org:8443",
            "X-Forwarded-Prefix": "/elsewhere",
        },
    )
    assert seen.json == {
        "client": "203.0.113.7",
        "url": "https://stack.example.org:8443/timestack/",
    }


@pytest.mark.parametrize("prefix", ["", "/timestack"])
@pytest.mark.parametrize(
    ("port", "name"), [("443", "__Host-timestack"), ("1", "__Host-timestack-1")]
)
def test_the_session_cookie_is_for_this_host_and_stack_alone_and_away_from_scripts(
    make_app: Callable[..., Flask], prefix: str, port: str, name: str
) -> None:
    app = make_app(URL_PREFIX=prefix, HTTPS_PORT=port)

    def visit() -> str:
        session["visited"] = True
        return "ok"

    app.add_url_rule("/visit", view_func=visit)
    cookie = signed_in(app).get(f"{prefix}/visit").headers["Set-Cookie"]
    named, *attributes = [part.strip() for part in cookie.split(";")]
    assert named.partition("=")[0] == name
    # What the prefix __Host- demands of a cookie, and browsers check.
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(attributes)
    assert not any(part.startswith("Domain") for part in attributes)


def test_no_route_is_registered_twice_or_guessed(make_app: Callable[..., Flask]) -> None:
    rules = [(rule.rule, tuple(sorted(rule.methods))) for rule in make_app().url_map.iter_rules()]
    assert len(rules) == len(set(rules))


def test_the_application_does_not_start_without_its_secrets(
    environment: pytest.MonkeyPatch, make_app: Callable[..., Flask], tmp_path
) -> None:
    (tmp_path / "secret_key").unlink()
    (tmp_path / "redis_password").write_text("")
    with pytest.raises(SettingsError) as caught:
        make_app()
    assert len(caught.value.faults) == 2
    assert "secret_key is missing" in str(caught.value)
    assert "redis_password is empty" in str(caught.value)
