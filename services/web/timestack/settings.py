"""Settings: the environment and the files under /run/secrets, validated once at boot.

Every fault is reported at once, by the name of the variable or the path of the file, so that
one restart is enough to repair them all. Passwords come only from files: a variable such as
``REDIS_PASSWORD`` is never read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from timestack.shared.allowed import BY_NAME as CHECKED
from timestack.shared.allowed import problem, size
from timestack.shared.roles import APP, BY_NAME

SECRETS_DIR = "/run/secrets"
SCHEMA_IN_IMAGE = Path("/app/schema/hypertables.yaml")
ALERTS = "alerts.yaml"
ALERTS_IN_IMAGE = SCHEMA_IN_IMAGE.with_name(ALERTS)
MINIMUM_KEY_LENGTH = 32
# The secrets that the web needs.
WEB_SECRETS = ("redis_password", "secret_key")
OPTIONAL_SECRETS = (
    *WEB_SECRETS,
    "secret_key_previous",
    "pgadmin_proxy_secret",
    "flower_proxy_secret",
    "alarms_secret",
    "smtp_password",
    "platform_password",
    "notify_webhook",
)


class SettingsError(Exception):
    """The settings cannot be used; ``faults`` holds one sentence per fault."""

    def __init__(self, faults: Iterable[str]):
        self.faults = tuple(faults)
        lines = "".join(f"\n  - {fault}" for fault in self.faults)
        super().__init__(f"{len(self.faults)} fault(s) in the settings:{lines}")


def read_secret(path: Path) -> str:
    """Return the text of a secret file without its final line break.

    Raises ValueError naming the path and what to do when the file is missing, a directory,
    unreadable, empty, not text, or holds more than one line.
    """
    try:
        # A bind mount of a missing host file makes Docker create a directory in its place.
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: run `make up`, which writes it") from None
    except IsADirectoryError:
        raise ValueError(
            f"{path} is a directory: remove it on the host and run `make up`, which writes the file"
        ) from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text: remove it and run `make up`") from None
    except OSError as error:
        why = error.strerror
        raise ValueError(f"{path} cannot be read: {why}; its mode must be 0444") from None
    if not text.strip():
        raise ValueError(f"{path} is empty: remove it and run `make up`, which writes a new one")
    if "\n" in text:
        raise ValueError(f"{path} holds more than one line: one secret per file, nothing else")
    return text


def _read_if_path(value: object) -> object:
    return read_secret(value) if isinstance(value, Path) else value


def _read_if_filled(value: object) -> object:
    """As ``_read_if_path``; an empty file, as `make up` makes it, is None."""
    empty = isinstance(value, Path) and value.is_file() and not value.read_bytes().strip()
    return None if empty else _read_if_path(value)


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < MINIMUM_KEY_LENGTH:
        raise ValueError(
            f"the session key is shorter than {MINIMUM_KEY_LENGTH} characters:"
            " remove the file and run `make up`"
        )
    return value


Secret = Annotated[SecretStr, BeforeValidator(_read_if_path)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Host = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._:-]{0,252}[A-Za-z0-9])?$")
]
Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseSettings):
    """The settings of a container. A field's name is the variable's, in lower case.

    Settings of ``.env`` are checked by ``shared.allowed``, with the defaults of ``.env.example``.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    timestack_env: str = "production"
    timestack_domain: str = "localhost"
    timestack_commit: str = Field("", description="the commit the image was built from, or empty")
    https_port: int = 8443
    public_port: Literal[""] | int = ""
    trusted_proxies: str = ""
    url_prefix: str = ""
    log_level: str = "info"
    admin_email: str = "admin@example.org"

    auth_backend: str = "local"
    # Above the address, whose check looks back at it.
    platform_ingest: bool = False
    platform_ingest_at: str = "02:00"
    platform_ingest_zone: str = "UTC"
    platform_url: str = "http://platform:9000"
    # The service's token there, which sees every account.
    platform_password: Secret | None = None
    registration: bool = False
    prices_url: str = ""
    # Where Vite serves the frontend's files, in development.
    frontend_url: str = ""

    smtp_host: str = ""
    smtp_port: int = 587
    smtp_tls: str = "starttls"
    smtp_user: str = ""
    smtp_password: Secret | None = None
    mail_from: str = "timestack@example.org"

    notify_email: str = ""
    notify_webhook: Annotated[SecretStr | None, BeforeValidator(_read_if_filled)] = None

    database_host: Host = "timescaledb"
    database_port: Port = 5432
    database_name: Text = "timestack"
    database_role: Literal[tuple(BY_NAME)] = APP.name
    database_sslmode: Literal[
        "disable", "allow", "prefer", "require", "verify-ca", "verify-full"
    ] = "verify-full"
    database_ca: Path = Field(Path("/run/secrets/ca.pem"), validate_default=True)
    database_pool_size: Annotated[int, Field(ge=1, le=100)] = 5
    database_password: Secret

    redis_host: Host = "redis"
    redis_port: Port = 6379
    redis_password: Secret | None = None

    secret_key: Annotated[Secret, AfterValidator(_long_enough)] | None = None
    # The key before the last rotation: its signatures are still valid.
    secret_key_previous: Secret | None = None
    pgadmin_proxy_secret: Secret | None = None
    flower_proxy_secret: Secret | None = None
    # What Alertmanager proves itself by.
    alarms_secret: Secret | None = None

    api_rate: str = "1200/minute"
    upload_max: str = "2g"
    web_workers: int = 1
    web_threads: int = 8
    worker_concurrency: int = 2
    jobs_keep_days: int = 30
    seed: bool = True
    compose_profiles: str = ""
    secrets_dir: Path = Path(SECRETS_DIR)
    schema_file: Path = SCHEMA_IN_IMAGE
    data_dir: Path = Path("/app/data")
    uploads_dir: Path = Path("/var/lib/timestack/uploads")

    @field_validator("*", mode="before")
    @classmethod
    def _as_the_host_checks(cls, value: object, info: ValidationInfo) -> object:
        name = info.field_name.upper()
        if isinstance(value, str) and name in CHECKED and (wrong := problem(name, value)):
            raise ValueError(": ".join(wrong))
        return value

    # Checks across fields look back at fields above, so that they are reported
    # together with all other faults; a model validator would wait until those are repaired.
    @field_validator("database_sslmode")
    @classmethod
    def _no_clear_text_in_production(cls, mode: str, info: ValidationInfo) -> str:
        weak = mode in ("disable", "allow", "prefer")
        if weak and info.data.get("timestack_env", "production") == "production":
            raise ValueError(
                "it can send the password in clear text, so production refuses it;"
                " use require, verify-ca or verify-full"
            )
        return mode

    @field_validator("database_ca")
    @classmethod
    def _there_when_needed(cls, path: Path, info: ValidationInfo) -> Path:
        # A faulty mode is reported by itself and asks for no file.
        mode = info.data.get("database_sslmode", "")
        if mode.startswith("verify-") and not path.is_file():
            raise ValueError(f"{path} is not a file, but DATABASE_SSLMODE={mode} needs it")
        return path

    @field_validator("frontend_url")
    @classmethod
    def _in_development_alone(cls, url: str, info: ValidationInfo) -> str:
        # A faulty TIMESTACK_ENV is reported by itself.
        if url and info.data.get("timestack_env", "development") != "development":
            raise ValueError(
                "the Finance page would run scripts of that address: with TIMESTACK_ENV=development"
                " alone; elsewhere leave it empty, and the page has the files of the image"
            )
        return url

    @field_validator("platform_url")
    @classmethod
    def _no_passwords_in_clear_text(cls, url: str, info: ValidationInfo) -> str:
        asked = info.data.get("auth_backend") == "platform" or info.data.get("platform_ingest")
        if asked and url.startswith("http://") and info.data.get("timestack_env") == "production":
            raise ValueError("it would carry passwords in clear text; production wants https")
        return url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        **_: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given counts before the environment; no file is read as settings."""
        return init_settings, env_settings

    @classmethod
    def load(cls, needs: Iterable[str] = (), *, role: str = APP.name) -> Settings:
        """Read the environment and the secret files.

        ``role`` is DATABASE_ROLE where that is not set. Its password is always needed; ``needs``
        names what else is required, of OPTIONAL_SECRETS (a worker needs ``redis_password``). A
        secret that is not needed and not mounted is None.

        Raises SettingsError with every fault.
        """
        directory = secrets_dir()
        role = os.environ.get("DATABASE_ROLE", role)
        # An unknown role is reported as such below; its file does not matter then.
        password = directory / BY_NAME.get(role, APP).secret
        needed = set(needs)
        secrets = {
            name: path if name in needed or path.exists() else None
            for name in OPTIONAL_SECRETS
            for path in (directory / name,)
        }
        try:
            return cls(database_role=role, database_password=password, **secrets)
        except ValidationError as error:
            raise SettingsError(_fault(cls, each) for each in error.errors()) from None

    def secret(self, name: str) -> str:
        """Return another secret by its file name, such as ``db_backup_password``.

        Raises SettingsError when the file cannot be used.
        """
        try:
            return read_secret(self.secrets_dir / name)
        except ValueError as error:
            raise SettingsError([f"{error}."]) from None

    def redis_url(self, db: int) -> str:
        """Return the URL of one Redis database: 0 broker, 1 results, 2 log-ins, 3 data (cache.py).

        Raises SettingsError when the password was not mounted.
        """
        password = self.redis_password
        text = password.get_secret_value() if password else self.secret("redis_password")
        return f"redis://:{quote(text, safe='')}@{self.redis_host}:{self.redis_port}/{db}"

    @property
    def largest_upload(self) -> int:
        """Bytes of the largest file that may be uploaded."""
        return size(self.upload_max)

    @property
    def signing_keys(self) -> list[str]:
        """The session key and the one before it, newest first."""
        keys = (self.secret_key, self.secret_key_previous)
        return [key.get_secret_value() for key in keys if key]

    @property
    def public_origin(self) -> str:
        """This site as a browser calls it, by its name: no slash at the end."""
        return f"https://{self.timestack_domain}{self.port_in_links}"

    @property
    def port_in_links(self) -> str:
        """The port that browsers use, with its colon; empty for 443."""
        port = self.public_port or self.https_port
        return "" if port == 443 else f":{port}"

    @property
    def trusted_networks(self) -> list[IPv4Network | IPv6Network]:
        """The other proxies in front of ours, trusted on a visitor's address."""
        return [ip_network(each) for each in filter(None, self.trusted_proxies.split(","))]

    @property
    def seeds_from_platform(self) -> bool:
        """Whether the first usage and companies come from the simulated platform."""
        return self.seed and self.platform_is_simulated

    @property
    def prices_source(self) -> str:
        """Where daily prices are, with ``{symbol}`` in it; empty for nowhere."""
        simulated = f"{self.platform_url}/prices/{{symbol}}.csv"
        return self.prices_url or (simulated if self.platform_is_simulated else "")

    @property
    def watches_manifest(self) -> bool:
        """Whether there is a platform to ask for its manifest."""
        return self.platform_ingest or self.platform_is_simulated

    @property
    def platform_is_simulated(self) -> bool:
        """Whether the platform is the one that the stack simulates."""
        simulated = self.platform_url == type(self).model_fields["platform_url"].default
        started = not {"dev", "test"}.isdisjoint(self.compose_profiles.split(","))
        return started and simulated and not self.production

    @property
    def keeps_metrics(self) -> bool:
        """Whether Prometheus and Alertmanager run."""
        return "metrics" in self.compose_profiles.split(",")

    @property
    def production(self) -> bool:
        """Whether this is production; every relaxed rule depends on it."""
        return self.timestack_env == "production"


def schema_file() -> Path:
    """Only SCHEMA_FILE, for code that runs without the other settings."""
    return Path(os.environ.get("SCHEMA_FILE", SCHEMA_IN_IMAGE))


def alerts_file() -> Path:
    """The rules of alerts: beside SCHEMA_FILE."""
    return schema_file().with_name(ALERTS)


def secrets_dir() -> Path:
    """Only SECRETS_DIR, for code that looks at certificates."""
    return Path(os.environ.get("SECRETS_DIR", SECRETS_DIR))


def public_name() -> str:
    """TIMESTACK_DOMAIN, where the proxy asks an authority for its certificate; else empty."""
    return os.environ.get("TIMESTACK_DOMAIN", "") if os.environ.get("ACME_EMAIL") else ""


def database_url() -> str | None:
    """Only DATABASE_URL, for code that runs on a host which has nothing else."""
    return os.environ.get("DATABASE_URL") or None


def _fault(model: type[Settings], error: dict) -> str:
    """Turn one of pydantic's errors into a sentence with the name and what to do."""
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] != "value_error":
        message = message[0].lower() + message[1:]
    name = str(error["loc"][0])
    if name in OPTIONAL_SECRETS or name == "database_password":
        return f"{message}."
    expected = model.model_fields[name].description
    hint = f" (expected: {expected})" if expected else ""
    given = os.environ.get(name.upper())
    where = name.upper() if given is None else f"{name.upper()}={given!r}"
    return f"{where}: {message}{hint}; correct it in .env or compose/compose.yaml."
