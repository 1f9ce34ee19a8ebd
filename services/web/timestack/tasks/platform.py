"""What comes from the upstream platform: usage every night, its manifest, companies on demand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy.orm import Session

from timestack.domains import notifications
from timestack.domains.jobs.kinds import Params, UsageParams
from timestack.domains.jobs.steps import PermanentError
from timestack.domains.platform import ingest, manifest
from timestack.progress import Progress
from timestack.settings import Settings
from timestack.tasks.job import job


class NoPlatformError(PermanentError):
    """The platform cannot be asked; str() says what to do."""


@job("usage.ingest")
def usage(session: Session, progress: Progress, params: UsageParams) -> dict:
    """Take in the usage of every account up to yesterday (UTC), the nights missed included."""
    settings = _settings()
    if settings.platform_password is None:
        raise NoPlatformError(
            "the platform's token is missing: write it to platform_password under SECRETS_PATH"
            " and run `make up`"
        )
    last = last_ended_day(datetime.now(UTC))
    token = settings.platform_password.get_secret_value()
    return ingest.usage(
        settings.platform_url, token, days=params.days, last=last, progress=progress
    )


def last_ended_day(now: datetime) -> date:
    """Return yesterday in UTC: the platform's days are those, whatever zone the night is of."""
    return now.astimezone(UTC).date() - timedelta(days=1)


@job("manifest.refresh")
def refresh_manifest(session: Session, progress: Progress, params: Params) -> dict:
    """Bring the manifest to the platform's version; the one before is kept."""
    found = manifest.refresh(_settings().platform_url, progress)
    # The first one changes nothing that anybody knew.
    if found["changed"] and found["previous"]:
        notifications.add(
            session,
            "manifest",
            f"the manifest is at version {found['version']}",
            f"It has {found['titles']} titles; before it was version {found['previous']}.",
            path="/",
        )
    return found


@job("companies.fetch")
def companies(session: Session, progress: Progress, params: Params) -> dict:
    """Take in every company with its yearly finances."""
    return ingest.companies(_settings().platform_url)


def _settings() -> Settings:
    settings = Settings.load()
    if settings.production and settings.platform_url.startswith("http://"):
        raise NoPlatformError(
            "PLATFORM_URL would be asked in clear text: in production, write one that"
            " begins with https:// into .env and run `make up`"
        )
    return settings
