"""The forms whose rules differ from Flask-Security's own."""

from __future__ import annotations

import logging
from typing import Any

from flask import current_app, g
from flask_security import ChangePasswordForm as _ChangePasswordForm
from flask_security import ForgotPasswordForm as _ForgotPasswordForm
from flask_security import LoginForm as _LoginForm
from flask_security import PasswordUtil, RegisterFormV2
from flask_security.utils import hash_password
from wtforms import Field, ValidationError

from timestack import db
from timestack.domains import passwords, users
from timestack.domains.platform import login
from timestack.settings import Settings

log = logging.getLogger(__name__)

WRONG = "The e-mail address or the password is wrong."


class _Bounded:
    """Refuses what is too long to be a password, for which the hash would raise."""

    def validate_password(self, field: Field) -> None:
        if isinstance(field.data, str) and len(field.data) > passwords.MAXIMUM:
            raise ValidationError(WRONG)


class Passwords(PasswordUtil):
    """Checks every new password by the rules of this stack."""

    def validate(
        self, password: str, is_register: bool, **known: Any
    ) -> tuple[list[str] | None, str]:
        """What is wrong with a password, and the password as it is kept.

        ``known`` are the fields of the form that registers, or the ``user`` whose password it is.
        """
        password = self.normalize(password)
        email = known.get("email") if is_register else known["user"].email
        fault = passwords.fault(password, str(email or ""))
        return [fault] if fault else None, password


class ChangePasswordForm(_Bounded, _ChangePasswordForm):
    """Change the password; the old one may be as long as a password can be."""


class LoginForm(_Bounded, _LoginForm):
    """Log in by a password kept here, or ask the platform when AUTH_BACKEND says so.

    A local password always comes first: the administrator of the stack can log in while the
    platform is away.
    """

    def validate(self, **kwargs: object) -> bool:
        """Whether the log-in succeeds; ``self.user`` is the user."""
        settings: Settings = current_app.config["SETTINGS"]
        if settings.auth_backend == "local":
            return super().validate(**kwargs)
        if not super(_LoginForm, self).validate(**kwargs):
            return False
        datastore = current_app.extensions["security"].datastore
        self.user = datastore.find_user(case_insensitive=True, email=self.email.data)
        self.ifield = self.email
        if self.user is not None and self.user.password:
            return super().validate(**kwargs)
        if self.user is not None and not self.user.active:
            hash_password(self.password.data)
            self.form_errors.append(WRONG)
            return False
        return self._ask_platform(settings)

    def _ask_platform(self, settings: Settings) -> bool:
        # No connection is held while another server takes its time.
        datastore = current_app.extensions["security"].datastore
        datastore.db.session.remove()
        try:
            granted = login.log_in(settings.platform_url, self.email.data, self.password.data)
        except login.Denied:
            self.form_errors.append(WRONG)
            return False
        except login.Unavailable as error:
            log.warning("log-in by the platform refused: %s", error.cause_text)
            self.form_errors.append(str(error))
            return False
        with db.session() as session:
            users.put_platform_user(session, self.email.data, granted.account)
        self.user = datastore.find_user(case_insensitive=True, email=self.email.data)
        g.granted = granted
        return True


class RegisterForm(RegisterFormV2):
    """Register; shows when an address is taken, since a new user is logged in at once."""

    def validate(self, **kwargs: object) -> bool:
        """Whether the user can be added."""
        valid = super().validate(**kwargs)
        if self.existing_email_user is not None:
            self.email.errors = [
                "This address is already registered: log in, or ask for a new password."
            ]
            # Flask-Security would answer as if the user had been added.
            self.existing_email_user = None
            return False
        return valid


class ForgotPasswordForm(_ForgotPasswordForm):
    """Ask for a new password; not for users whose password the platform keeps."""

    def validate(self, **kwargs: object) -> bool:
        """Whether a mail is sent; the answer is the same either way."""
        if not super().validate(**kwargs):
            return False
        if self.user.password is None:
            self.email.errors.append("The media platform keeps this password.")
            return False
        return True
