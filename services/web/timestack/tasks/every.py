"""Every family of jobs, for the workers: beat, and who makes tables, need none of their memory."""

from timestack.tasks import (
    alerts,
    app,
    backups,
    datasets,
    files,
    forecast,
    mail,
    maintenance,
    notify,
    platform,
    prices,
    rollups,
    watch,
)

__all__ = [
    "alerts",
    "app",
    "backups",
    "datasets",
    "files",
    "forecast",
    "mail",
    "maintenance",
    "notify",
    "platform",
    "prices",
    "rollups",
    "watch",
]
