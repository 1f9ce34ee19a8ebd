"""Server-rendered pages; one file per page."""

from flask import Blueprint

from timestack.pages import landing

blueprint = Blueprint("pages", __name__)
blueprint.add_url_rule("/", view_func=landing.index)

__all__ = ["blueprint"]
