"""``/finance``: what companies reported, drawn by React (services/web/frontend)."""

from __future__ import annotations

import secrets

from flask import current_app, g, render_template

from timestack.pages import frontend

ENTRY = "src/main.tsx"


def show() -> str:
    """Render the document; the browser asks the API for what is in it."""
    vite = current_app.config["SETTINGS"].frontend_url
    if vite:
        # Of this answer alone: what Vite's style elements carry (auth/headers.py).
        g.style_nonce = secrets.token_urlsafe(16)
    return render_template(
        "pages/finance.html",
        files=None if vite else frontend.built(current_app.static_folder, ENTRY),
        development=f"{vite}/{frontend.DEVELOPMENT}" if vite else None,
        nonce=g.get("style_nonce"),
    )
