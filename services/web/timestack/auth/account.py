"""``/account``: who is signed in, what they may do, their tokens, and the way out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.exc import SQLAlchemyError
from wtforms import DateField, SelectField, SelectMultipleField, StringField
from wtforms.validators import Optional
from wtforms.widgets import CheckboxInput

from timestack import db
from timestack.auth import once, security
from timestack.domains import tokens, users
from timestack.models.tokens import Token
from timestack.series import catalog
from timestack.settings import Settings

log = logging.getLogger(__name__)

blueprint = Blueprint("account", __name__, url_prefix="/account")

# Days that a token is made for where the form is left as it is.
USUAL_LIFE = timedelta(days=90)
LARGEST_ID = 2**63 - 1


class TokenForm(FlaskForm):
    """A new token; ``tables`` none is all, ``until`` is the last day (UTC) or empty."""

    name = StringField()
    role = SelectField()
    tables = SelectMultipleField(option_widget=CheckboxInput())
    until = DateField(validators=[Optional()])

    # Where the rules of a token find their fault.
    FIELDS = {"expires_at": "until"}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(prefix="token-", data={"until": datetime.now(UTC).date() + USUAL_LIFE})
        self.role.choices = [
            (role, tokens.DOES[role])
            for role, needed in tokens.ROLES.items()
            if not users.refusal(g.user, needed)
        ]
        self.tables.choices = sorted(catalog.current().loadable())

    def end(self) -> datetime | None:
        """When the last day is over, in UTC."""
        day: date | None = self.until.data
        if day is None:
            return None
        return datetime.combine(min(day, date.max - timedelta(1)), time(), UTC) + timedelta(1)

    def refuse(self, error: tokens.TokenError) -> None:
        """Put a fault beside its field."""
        name = self.FIELDS.get(error.field, error.field)
        errors = self[name].errors if name else self.form_errors
        errors.append(str(error))


@blueprint.get("")
def show() -> Response:
    """Render the page of the signed-in user; with a token that was made a moment ago."""
    settings: Settings = current_app.config["SETTINGS"]
    response = make_response(_page(TokenForm(), made=once.take(settings, g.user.id)))
    once.forget(response, settings)
    return response


@blueprint.post("/tokens")
def make_token() -> ResponseReturnValue:
    """Make a token and lead to the page that shows it, or show what is wrong with the form."""
    form = TokenForm()
    if form.validate():
        try:
            with db.session() as session:
                text, token = tokens.make(
                    session,
                    g.user,
                    form.name.data or "",
                    form.role.data,
                    tables=form.tables.data or None,
                    expires_at=form.end(),
                )
        except tokens.TokenError as error:
            form.refuse(error)
        else:
            log.info("token %s of %s was made on the account page", token.id, g.user.email)
            response = redirect(url_for("account.show", _anchor="tokens"), 303)
            once.hand_on(response, current_app.config["SETTINGS"], g.user.id, text)
            return response
    return _page(form)


@blueprint.post(f"/tokens/<int(max={LARGEST_ID}):id>/revoke")
def revoke_token(id: int) -> ResponseReturnValue:
    """End one of the user's tokens; one that has ended already stays so."""
    with db.session() as session:
        token = tokens.revoke(session, id, g.user.id)
    if token is None:
        flash("There is no such token: it was revoked before.", "info")
    else:
        log.info("token %s of %s was revoked on the account page", token.id, g.user.email)
        flash(f"The token {token.name} was revoked: it works nowhere any more.", "success")
    return redirect(url_for("account.show", _anchor="tokens"), 303)


def _page(form: TokenForm, *, made: str | None = None) -> str:
    settings: Settings = current_app.config["SETTINGS"]
    user = security.current()
    return render_template(
        "account.html",
        known_since=security.known_since(user),
        # Users of the platform have their password there.
        has_password=user.password is not None,
        platform=settings.platform_url if user.password is None else None,
        tokens=_tokens(),
        token_form=form,
        made=made,
        now=datetime.now(UTC),
    )


def _tokens() -> Sequence[Token] | None:
    # The way out matters most when the database is away.
    try:
        with db.session() as session:
            return tokens.listed(session, g.user.id)
    except SQLAlchemyError as error:
        log.warning("no tokens on the account page: %s", error)
        return None
