"""Server-rendered pages; one file per page."""

from flask import Blueprint

from timestack.pages import finance, landing, reference, report

blueprint = Blueprint(
    "pages",
    __name__,
    static_folder=str(reference.SWAGGER_UI),
    static_url_path="/docs/files",
)
blueprint.add_url_rule("/", view_func=landing.index)
blueprint.add_url_rule("/finance", "finance", finance.show)
blueprint.add_url_rule("/docs", "reference", reference.show)
blueprint.add_url_rule("/report", "report", report.show)

__all__ = ["blueprint"]
