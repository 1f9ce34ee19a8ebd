"""The forms whose rules differ from Flask-Security's own."""

from __future__ import annotations

import logging

from flask import current_app, g
from flask_security import LoginForm as _LoginForm
from flask_security import RegisterFormV2
from flask_security.utils import hash_password

from timestack import db
from timestack.domains import accounts, platform
from timestack.settings import Settings

log = logging.getLogger(__name__)

WRONG = "This e-mail address and password do not go together."


class LoginForm(_LoginForm):
    """Log in by a password kept here, or ask the platform when AUTH_BACKEND says so.

    A local password always comes first: the administrator of the stack gets in while the platform
    is away.
    """

    def validate(self, **kwargs: object) -> bool:
        """Whether the person may come in; ``self.user`` is who."""
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
        # No connection is held while somebody else's server takes its time.
        datastore = current_app.extensions["security"].datastore
        datastore.db.session.remove()
        try:
            login = platform.login(settings.platform_url, self.email.data, self.password.data)
        except platform.Denied:
            self.form_errors.append(WRONG)
            return False
        except platform.Unavailable as error:
            log.warning("log-in by the platform refused: %s", error.cause_text)
            self.form_errors.append(str(error))
            return False
        with db.session() as session:
            accounts.put_vouched(session, self.email.data, login.account)
        self.user = datastore.find_user(case_insensitive=True, email=self.email.data)
        g.upstream = login
        return True


class RegisterForm(RegisterFormV2):
    """Register; an address that is taken is told, since the account is open at once."""

    def validate(self, **kwargs: object) -> bool:
        """Whether the account can be made."""
        valid = super().validate(**kwargs)
        if self.existing_email_user is not None:
            self.email.errors = [
                "There is an account of this address: log in, or recover its password."
            ]
            return False
        return valid
