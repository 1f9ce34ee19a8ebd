"""Who a visitor is behind other proxies, and the answers that the proxy gets from the web."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, jsonify, request
from flask.testing import FlaskClient

TRUSTED = "198.51.100.7,10.0.0.0/8,2001:db8:1::/48"


@pytest.mark.parametrize(
    ("trusted", "forwarded", "visitor"),
    [
        ("", "203.0.113.7", "203.0.113.7"),
        # No proxy is trusted: what precedes the last one is the client's own claim.
        ("", "10.9.9.9, 203.0.113.7", "203.0.113.7"),
        # Not through a trusted proxy: the proxy left nothing else there.
        (TRUSTED, "203.0.113.7", "203.0.113.7"),
        (TRUSTED, "203.0.113.7, 198.51.100.7", "203.0.113.7"),
        (TRUSTED, "10.9.9.9, 203.0.113.7, 10.1.2.3, 172.18.0.1", "203.0.113.7"),
        (TRUSTED, "2001:db8:2::5, 2001:db8:1::9, 10.0.0.5", "2001:db8:2::5"),
        (TRUSTED, "nonsense, 10.0.0.5", "nonsense"),
        # All of them are proxies of ours: one of these asks for itself.
        (TRUSTED, "10.0.0.6, 10.0.0.5", "10.0.0.6"),
    ],
)
def test_the_visitor_is_the_last_address_that_is_not_a_trusted_proxy(
    make_app: Callable[..., Flask], trusted: str, forwarded: str, visitor: str
) -> None:
    app = make_app(TRUSTED_PROXIES=trusted)
    app.view_functions["static"] = lambda **_: jsonify(request.remote_addr)
    answer = app.test_client().get("/static/x", headers={"X-Forwarded-For": forwarded})
    assert answer.json == visitor


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "https://data.example.org:8443/"),
        ({"PUBLIC_PORT": "443", "URL_PREFIX": "/timestack"}, "https://data.example.org/timestack/"),
        ({"HTTPS_PORT": "443", "PUBLIC_PORT": "9443"}, "https://data.example.org:9443/"),
    ],
)
def test_another_name_is_told_which_one_is_served_and_at_which_address(
    make_app: Callable[..., Flask], settings: dict[str, str], address: str
) -> None:
    client = make_app(TIMESTACK_DOMAIN="data.example.org", **settings).test_client()
    answer = client.get(settings.get("URL_PREFIX", "") + "/auth/elsewhere")
    assert answer.status_code == 404
    assert answer.mimetype == "text/plain"
    assert address in answer.text.splitlines()


@pytest.mark.parametrize(("what", "status"), [("broken", 400), ("failed", 502)])
def test_the_refusals_of_the_proxy_look_like_the_others(
    stranger: FlaskClient, what: str, status: int
) -> None:
    page = stranger.get(f"/auth/{what}", headers={"Accept": "text/html"})
    assert page.status_code == status
    assert page.headers["X-Request-Id"] in page.text
