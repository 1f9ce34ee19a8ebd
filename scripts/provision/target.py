"""Which database a command works on: the stack's own, or any other by its URL."""

from __future__ import annotations

import argparse
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from scripts.provision.errors import Refused
from timestack.settings import SECRETS_DIR, Settings, read_secret
from timestack.shared.roles import OWNER

EXAMPLE = "postgresql://owner@db.example.org:5432/timestack?sslmode=verify-full&sslrootcert=ca.pem"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url",
        help=f"another PostgreSQL than the stack's, without its password: {EXAMPLE}",
    )
    parser.add_argument(
        "--password-file",
        type=Path,
        help="holds the password for --url; default: the owner's secret",
    )


def settings(url: str | None, password_file: Path | None, file: Path | None) -> Settings:
    """Settings for the owner of the stack's database, or of the one at ``url``.

    A password in the URL is refused: every user of the machine sees the command line.
    Raises Refused and SettingsError.
    """
    changes: dict = {"schema_file": file} if file else {}
    if url is None:
        if password_file:
            raise Refused("--password-file has no effect without --url")
        return Settings.load(role=OWNER.name).model_copy(update=changes)
    refuse_password(url, "--url")
    password_file = password_file or Path(SECRETS_DIR, OWNER.secret)
    return at(url, "--url", password_file).model_copy(update=changes)


def refuse_password(url: str, option: str) -> None:
    """Raise Refused for a URL of the command line that holds a password."""
    if _parsed(url, option).password is not None:
        raise Refused(
            f"{option} holds a password, which every user of this machine can see in the list of "
            "processes: leave it out and name its file with --password-file"
        )


def at(url: str, where: str, password_file: Path | None) -> Settings:
    """Settings for the database at ``url``; without ``password_file`` the password is in it.

    ``where`` names the URL in messages, none of which holds a password. Raises Refused.
    """
    parsed = _parsed(url, where)
    missing = [part for part in ("username", "host", "database") if not getattr(parsed, part)]
    if not (parsed.password or password_file):
        missing.append("password, and no --password-file is given")
    unknown = sorted(set(parsed.query) - {"sslmode", "sslrootcert"})
    if missing or unknown:
        what = [f"no {part}" for part in missing] + [f"an unknown option {o}" for o in unknown]
        raise Refused(f"{where} has {', '.join(what)}: write it like {EXAMPLE}")
    try:
        password = read_secret(password_file) if password_file else parsed.password
    except ValueError as error:
        raise Refused(f"{error}") from None
    mode = parsed.query.get("sslmode", "verify-full")
    changes = {
        "database_host": parsed.host,
        "database_port": parsed.port or 5432,
        "database_name": parsed.database,
        "database_role": parsed.username,
        "database_sslmode": mode,
        # libpq's word for the certificates of the operating system.
        "database_ca": Path(parsed.query.get("sslrootcert", "system")),
        "database_password": SecretStr(password),
    }
    given = {"timestack_env": "development", "database_sslmode": "require"}
    return Settings(database_password=SecretStr(password), **given).model_copy(update=changes)


def _parsed(url: str, where: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # Not the text, which may hold a password.
        raise Refused(f"{where} is not a URL: write it like {EXAMPLE}") from None
