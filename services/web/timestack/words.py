"""The sentences of an outage, of a fault of ours and of an empty database, for every face."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """A heading, and what is so or what to do now."""

    heading: str
    advice: str


OUTAGE = Words("The database does not answer", "It may be starting. Try again in a few seconds.")
READ_ONLY = Words(
    "Nothing can be changed for some minutes",
    "The database is being moved, and is only read meanwhile. Nothing was written: try it later.",
)
OUR_FAULT = Words(
    "Something went wrong on our side",
    "It has been logged. If trying again does not help, give your administrator the request id"
    " below.",
)
EMPTY = Words("No data yet", "The database answers, but holds nothing to show here.")
NO_ACCOUNT = Words(
    "You have no account of the media platform",
    "Usage belongs to accounts. Yours comes with a log-in by the platform, or from an"
    " administrator: make user … ARGS='--account NAME' on the host.",
)
NO_USAGE = Words(
    "No usage yet",
    "Usage comes from the media platform, a row for each project and day: each night with"
    " PLATFORM_INGEST=yes, or at once by make ingest on the host.",
)
SIMULATED = "Simulated: these projects and their numbers are made by this stack’s own platform."


def sentence(error: Exception) -> str:
    """Return what an error says as a sentence: a capital in front, a full stop behind."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
