"""Serve until stopped; ends with every fault in the settings."""

from __future__ import annotations

import sys

from waitress import serve

from timestack import db, deadline, logs
from timestack.exporter.server import create_app
from timestack.metrics import PORT
from timestack.settings import Settings, SettingsError


def main() -> None:
    """Run the service."""
    try:
        settings = Settings.load(needs=["alarms_secret"])
    except SettingsError as error:
        sys.exit(f"The exporter cannot start: {error}")
    logs.configure(settings)
    db.init(settings, application_name="timestack-exporter")
    deadline.watch(settings.database_host, settings.database_port)
    serve(create_app(settings), listen=f"*:{PORT}", threads=2, ident="")


if __name__ == "__main__":
    main()
