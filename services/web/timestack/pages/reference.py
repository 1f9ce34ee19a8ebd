"""``/docs``: the API's endpoints, described and tried, from its OpenAPI document by Swagger UI.

Ref: https://swagger.io/docs/open-source-tools/swagger-ui/usage/configuration/
"""

from __future__ import annotations

from importlib.resources import files

from flask import current_app, render_template

# Its script and its style sheet, the ones that are loaded.
SWAGGER_UI = files("flask_openapi3_swagger") / "templates" / "swagger"


def show() -> str:
    """Render the page; api.js fills it."""
    return render_template(
        "pages/reference.html", csrf_cookie=current_app.config["SECURITY_CSRF_COOKIE_NAME"]
    )
