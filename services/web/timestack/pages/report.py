"""``/report``: the figures of usage without Dash, to read, to keep and to print.

The numbers are in the page as tables, and so are the figures as JSON that static/report.js draws.
"""

from __future__ import annotations

from urllib.parse import urlencode

from flask import current_app, g, render_template, request, url_for
from werkzeug.exceptions import Forbidden

from timestack.domains import usage
from timestack.words import NO_ACCOUNT, NO_USAGE, SIMULATED

# The figure that is kept up to date.
REFRESHED = "projects"


def show() -> str:
    """Render the report of an account's month; raises Forbidden for the account of others."""
    asked = {name: request.args.get(name) or None for name in ("account", "month")}
    try:
        view = usage.look(asked["account"], g.user.account, asked["month"], admin=g.admin)
    except usage.RefusedError as error:
        raise Forbidden(str(error)) from None
    # Whose it is stays in the addresses where it was chosen, or could have been.
    chosen = view.account if view.accounts else asked["account"]
    given = {"month": str(view.month) if view.month else None, "account": chosen}
    query = urlencode({name: value for name, value in given.items() if value})
    simulated = current_app.config["SETTINGS"].platform_is_simulated
    return render_template(
        "pages/report.html",
        view=view,
        chosen=chosen,
        back=f"{request.script_root}/dash/usage?{query}".rstrip("?"),
        refreshed=REFRESHED,
        refresh=url_for("api.usage.figure", name=REFRESHED, **given),
        nothing=NO_USAGE if view.account or g.admin else NO_ACCOUNT,
        simulated=SIMULATED if simulated else "",
    )
