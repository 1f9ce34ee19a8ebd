"""What comes from the upstream platform: usage every night, companies on demand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from timestack.domains.jobs.kinds import Params
from timestack.domains.jobs.steps import PermanentError
from timestack.domains.platform import ingest
from timestack.progress import Progress
from timestack.settings import Settings
from timestack.tasks.job import job


class NoPlatformError(PermanentError):
    """The platform cannot be asked; str() says what to do."""


@job("usage.ingest")
def usage(session: Session, progress: Progress, params: Params) -> dict:
    """Take in the usage of every account up to yesterday (UTC), the nights missed included."""
    settings = _settings()
    if settings.platform_password is None:
        raise NoPlatformError(
            "the platform's token is missing: write it to platform_password under SECRETS_PATH"
            " and run `make up`"
        )
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    token = settings.platform_password.get_secret_value()
    return ingest.usage(settings.platform_url, token, last=yesterday, progress=progress)


@job("companies.fetch")
def companies(session: Session, progress: Progress, params: Params) -> dict:
    """Take in every company with its yearly finances."""
    return ingest.companies(_settings().platform_url)


def _settings() -> Settings:
    settings = Settings.load()
    if settings.production and settings.platform_url.startswith("http://"):
        raise NoPlatformError(
            "PLATFORM_URL would carry the token in clear text: in production, write one that"
            " begins with https:// into .env and run `make up`"
        )
    return settings
