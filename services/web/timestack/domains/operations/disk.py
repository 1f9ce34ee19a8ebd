"""The disk that the database is on, and when it is full."""

from __future__ import annotations

from timestack.domains.operations import forecast, samples, volume, words
from timestack.domains.operations.budget import Budget
from timestack.domains.operations.check import Check, Part, unread
from timestack.domains.operations.thresholds import DISK_FREE, DISK_FULL

NAME = "disk"
ROOM = (
    "Make room on the disk of the engine's volumes, or move them to a larger one; `retention` in"
    " hypertables.yaml lets old rows go."
)


def read(budget: Budget) -> Part:
    """Return what is free, and how long that lasts by the samples of the last month."""
    try:
        seen = volume.read(budget)
    except volume.UnknownError as error:
        return unread(NAME, str(error))
    free = Check(
        "Free",
        f"{words.size(seen.free)} of {words.size(seen.total)} ({words.share(seen.share_free)})",
        DISK_FREE.state(seen.share_free),
        str(DISK_FREE),
        ROOM,
        "df -h",
    )
    lasts = forecast.used_up(*samples.free_space(budget))
    if lasts is None:
        return Part(NAME, [free], note="It is not known to fill: that takes a day of samples.")
    seconds = lasts.total_seconds()
    full = Check(
        "Full",
        f"in about {words.about(seconds)}",
        DISK_FULL.state(seconds),
        str(DISK_FULL),
        ROOM,
    )
    return Part(NAME, [free, full])
