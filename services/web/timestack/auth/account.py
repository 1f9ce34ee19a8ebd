"""``/account``: who is signed in, what they may do, and the way out."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template

from timestack.auth import security
from timestack.settings import Settings

blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.get("")
def show() -> str:
    """Render the page of the signed-in user."""
    settings: Settings = current_app.config["SETTINGS"]
    user = security.current()
    return render_template(
        "account.html",
        known_since=security.known_since(user),
        # Users of the platform have their password there.
        has_password=user.password is not None,
        platform=settings.platform_url if user.password is None else None,
    )
