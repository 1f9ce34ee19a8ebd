"""What `make deploy` refuses of the settings."""

from __future__ import annotations

import pytest

from scripts.host import environment
from scripts.host.production import CHECKS, faults

GOOD = {
    **environment.defaults(),
    "TIMESTACK_ENV": "production",
    "WEB_INSTANCES": "2",
    "ADMIN_EMAIL": "ann@data.example.org",
    "TIMESTACK_DOMAIN": "data.example.org",
    "BIND_ADDRESS": "192.0.2.1",
    "ACME_EMAIL": "ann@data.example.org",
}


def test_the_defaults_are_refused_each_by_its_name() -> None:
    convenient = {"environment", "instances", "platform", "admin-email", "domain", "bind-address"}
    assert set(faults(environment.defaults())) == convenient


def test_settings_of_a_production_have_no_fault() -> None:
    assert faults(GOOD) == {}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"TIMESTACK_ENV": "test", "COMPOSE_PROFILES": ""}, "environment"),
        ({"WEB_INSTANCES": "1"}, "instances"),
        ({"PLATFORM_INGEST": "yes"}, "platform"),
        ({"AUTH_BACKEND": "platform"}, "platform"),
        ({"ADMIN_EMAIL": "admin@example.org"}, "admin-email"),
        ({"SMTP_HOST": "mail.example.org"}, "mail-from"),
        ({"TIMESTACK_DOMAIN": "localhost"}, "domain"),
        ({"BIND_ADDRESS": "127.0.0.1"}, "bind-address"),
        ({"ACME_EMAIL": ""}, "certificate"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_setting_that_is_only_convenient_is_refused(changes: dict[str, str], name: str) -> None:
    found = faults({**GOOD, **changes})
    assert list(found) == [name]
    assert name in CHECKS


@pytest.mark.parametrize(
    "changes",
    [
        {"PLATFORM_INGEST": "yes", "PLATFORM_URL": "https://media.example.org"},
        {"SMTP_HOST": "mail.example.org", "MAIL_FROM": "stack@data.example.org"},
        # Another proxy in front, on this host.
        {"BIND_ADDRESS": "127.0.0.1", "TRUSTED_PROXIES": "127.0.0.1", "ACME_EMAIL": ""},
    ],
    ids=["platform", "mail", "proxy"],
)
def test_what_somebody_chose_is_not_refused(changes: dict[str, str]) -> None:
    assert faults({**GOOD, **changes}) == {}
