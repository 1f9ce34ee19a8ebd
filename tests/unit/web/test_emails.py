"""An e-mail address that the settings take, the provisioner and the forms take too."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask_security import MailUtil

from scripts.host import environment
from scripts.host.faults import Refused
from timestack.domains import users

FILE = dict(environment.defaults())

TAKEN = [
    "admin@example.org",
    "admin@office.local",
    "admin@office.test",
    "admin@nas.home.arpa",
    "admin@corp.internal",
    "admin@printer.lan",
    "admin@host.localhost",
    "admin@example.invalid",
    "first.last+tag@mail.example.co.uk",
    "a_b%c-d@x-y.example",
    f"{'a' * 65}@example.org",
]
REFUSED = [
    "admin",
    "admin@",
    "@example.org",
    "admin@office",
    "admin@127.0.0.1",
    "admin@[127.0.0.1]",
    "admin@example.c0",
    "admin@ab--c.example",
    "admin@xn--0.example",
    "a..b@example.org",
    ".a@example.org",
    "a@b@example.org",
    "admin@example..org",
    "admin@-x.example",
    "a b@example.org",
    f"admin@{'a' * 64}.org",
    f"admin@{'a.' * 130}org",
]


@pytest.fixture
def mail_util(make_app: Callable[..., Flask]) -> Iterator[MailUtil]:
    """What Flask-Security's forms check an address with."""
    app = make_app()
    with app.app_context():
        yield app.extensions["security"]._mail_util


def refused_by_settings(email: str) -> list[str]:
    """The names of the settings on the host that do not take the address."""
    names = ("ADMIN_EMAIL", "MAIL_FROM")
    try:
        environment.overlay(FILE, dict.fromkeys(names, email))
    except Refused as refused:
        return [fault.where.split()[1] for fault in refused.faults]
    return []


def test_what_the_settings_take_the_provisioner_and_the_forms_take(
    mail_util: MailUtil,
) -> None:
    for email in TAKEN:
        assert refused_by_settings(email) == [], email
        assert users.normal_email(email) == email
        assert mail_util.validate(email) == email


def test_what_the_settings_refuse_the_provisioner_and_the_forms_refuse(
    mail_util: MailUtil,
) -> None:
    for email in REFUSED:
        assert refused_by_settings(email) == ["ADMIN_EMAIL", "MAIL_FROM"], email
        with pytest.raises(users.UserError, match="is not an e-mail address"):
            users.normal_email(email)
        with pytest.raises(ValueError, match="Invalid email"):
            mail_util.validate(email)
