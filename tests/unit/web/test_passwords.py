"""What may be a password: by the forms, and by the commands of the provisioner."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask_security.forms import ResetPasswordForm
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from tests.unit.web.conftest import person, signed_in
from timestack.auth.forms import ChangePasswordForm
from timestack.domains import passwords, users

EMAIL = "ann.miller@observatory.example.org"
WEAK = [
    "aaaaaaaaaaaa",
    "abcabcabcabc",
    "password1234",
    "Passw0rd1234",
    "qwertyuiop1234",
    "123456789012",
    EMAIL,
    EMAIL.upper(),
    f"{EMAIL}1",
    "observatory.example.org",
    "ann.miller2026",
    "timestacktimestack",
]
STRONG = [
    "correct horse battery staple",
    "a password of my own",
    "Vq3-hX7_pL0zRk2m",
    "ü" + "x7Kq?" * 5,
]


@pytest.mark.parametrize("password", WEAK)
def test_what_anybody_would_try_first_is_refused_with_what_to_do(password: str) -> None:
    fault = passwords.fault(password, EMAIL)
    assert fault
    assert "four or more words" in fault


@pytest.mark.parametrize("password", STRONG)
def test_a_few_words_or_a_random_text_are_taken(password: str) -> None:
    assert passwords.fault(password, EMAIL) is None


@pytest.mark.parametrize("length", [0, 11, 129, 1_000_000])
def test_a_password_of_the_wrong_length_is_refused_as_such(length: int) -> None:
    assert passwords.fault("x" * length, EMAIL) == "Choose 12 to 128 characters."


def test_no_password_takes_long_to_judge() -> None:
    """Signs that replace letters are what zxcvbn takes longest for: 12 s without our limit."""
    started = time.process_time()
    passwords.fault("4@8({[<369&#!1/|0$5+7%2" * 5, EMAIL)
    assert time.process_time() - started < 4


def test_a_password_is_judged_by_what_is_known_of_its_own_person() -> None:
    people = [f"{word}.somebody@example.org" for word in ("zanzibar", "quixotic", "obsidian")] * 20
    with ThreadPoolExecutor(8) as pool:
        faults = list(pool.map(lambda email: passwords.fault(email, email), people))
    assert all(faults)


def test_a_command_takes_no_weak_password_either() -> None:
    with Session() as session, pytest.raises(users.UserError) as refused:
        users.put(session, EMAIL, "viewer", password="password1234")
    assert EMAIL in str(refused.value)
    assert "four or more words" in str(refused.value)


def test_every_form_refuses_a_password_that_is_easy_to_guess(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(REGISTRATION="yes", SMTP_HOST="mail.example.org")
    app.config["WTF_CSRF_ENABLED"] = False
    # An address that cannot be one is never looked up; its password is judged all the same.
    words = {"email": "ann@nowhere", "password": "ann@nowhere1", "password_confirm": "ann@nowhere1"}
    assert "four or more words" in app.test_client().post("/register", data=words).text
    user = person("viewer", password=PasswordHasher().hash(STRONG[0]))
    signed_in(app, user)
    weak = user.email
    change = {"password": STRONG[0], "new_password": weak, "new_password_confirm": weak}
    reset = {"password": weak, "password_confirm": weak}
    for make, words, field in (
        (ChangePasswordForm, change, "new_password"),
        (ResetPasswordForm, reset, "password"),
    ):
        with app.test_request_context(method="POST"):
            form = make(MultiDict(words))
            form.user = user
            assert not form.validate()
            assert "four or more words" in form[field].errors[0]
