"""Settings: what is accepted, and the sentence for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.web.conftest import PASSWORD
from timestack.settings import Settings, SettingsError

ALL = ["redis_password", "secret_key"]


def faults(*needs: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings.load(needs=needs or ALL)
    return caught.value.faults


@pytest.fixture(autouse=True)
def _settings(environment: pytest.MonkeyPatch) -> None:
    """Every test starts from settings that are right."""


def test_right_settings_load() -> None:
    settings = Settings.load(needs=ALL)
    assert settings.database_password.get_secret_value() == PASSWORD
    assert settings.url_prefix == ""
    assert not settings.production


def test_without_a_word_it_is_production(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("a certificate")
    environment.setenv("DATABASE_CA", str(ca))
    environment.delenv("TIMESTACK_ENV")
    environment.delenv("DATABASE_SSLMODE")
    settings = Settings.load(needs=ALL)
    assert settings.production
    assert settings.database_sslmode == "verify-full"


def test_a_secret_never_shows_when_settings_are_printed() -> None:
    assert PASSWORD not in repr(Settings.load(needs=ALL))
    assert PASSWORD not in Settings.load(needs=ALL).model_dump_json()


def test_the_url_of_redis_survives_any_password() -> None:
    assert Settings.load(needs=ALL).redis_url(1) == (
        "redis://:p%40ss%2Fword%3A%3F%23" + "x" * 32 + "@127.0.0.1:1/1"
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TIMESTACK_ENV", "prod"),
        ("TIMESTACK_DOMAIN", "https://example.org"),
        ("HTTPS_PORT", "70000"),
        ("URL_PREFIX", "timestack"),
        ("URL_PREFIX", "/timestack/"),
        ("URL_PREFIX", "/"),
        ("URL_PREFIX", "/../x"),
        ("LOG_LEVEL", "loud"),
        ("ADMIN_EMAIL", "nobody"),
        ("DATABASE_PORT", "x"),
        ("DATABASE_ROLE", "postgres"),
        ("DATABASE_NAME", " "),
        ("DATABASE_POOL_SIZE", "0"),
        ("DATABASE_SSLMODE", "maybe"),
        ("WEB_WORKERS", "0"),
        ("WEB_THREADS", "-1"),
        ("SEED", "perhaps"),
    ],
)
def test_a_wrong_value_is_told_with_its_variable_and_what_to_do(
    environment: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    environment.setenv(variable, value)
    (fault,) = faults()
    assert fault.startswith(f"{variable}={value!r}: ")
    assert fault.endswith("correct it in .env or compose/compose.yaml.")


@pytest.mark.parametrize("prefix", ["", "/timestack", "/tools/time_stack-1"])
def test_a_prefix_begins_with_a_slash_and_ends_without(
    environment: pytest.MonkeyPatch, prefix: str
) -> None:
    environment.setenv("URL_PREFIX", prefix)
    assert Settings.load(needs=ALL).url_prefix == prefix


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing: run `make up`"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"one\ntwo\n", "holds more than one line"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
    ],
)
def test_a_secret_file_that_cannot_be_used_is_told_by_its_path(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "redis_password"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    (fault,) = faults()
    assert fault.startswith(f"{path} {message}")


def test_a_directory_in_place_of_a_secret_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "db_app_password"
    path.unlink()
    path.mkdir()
    (fault,) = faults()
    assert fault.startswith(f"{path} is a directory: remove it on the host")


def test_a_short_session_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("short")
    (fault,) = faults()
    assert "shorter than 32 characters" in fault
    assert "short'" not in fault


def test_all_faults_are_told_at_once(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("DATABASE_PORT", "x")
    environment.setenv("LOG_LEVEL", "loud")
    for name in ("secret_key", "db_app_password"):
        (tmp_path / name).unlink()
    assert len(faults()) == 4


def test_clear_text_to_the_database_is_refused_in_production(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("TIMESTACK_ENV", "production")
    environment.setenv("DATABASE_SSLMODE", "prefer")
    (fault,) = faults()
    assert fault.startswith("DATABASE_SSLMODE='prefer': it can send the password in clear text")


def test_a_secret_that_is_not_needed_may_be_absent(tmp_path: Path) -> None:
    (tmp_path / "secret_key").unlink()
    assert Settings.load(needs=["redis_password"]).secret_key is None


@pytest.mark.parametrize("text", ["", "\n"])
def test_the_empty_file_of_a_webhook_means_that_there_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "notify_webhook").write_text(text)
    assert Settings.load(needs=ALL).notify_webhook is None
    (tmp_path / "notify_webhook").write_text("https://chat.example.org/hooks/x\n")
    found = Settings.load(needs=ALL).notify_webhook
    assert found.get_secret_value() == "https://chat.example.org/hooks/x"


def test_a_password_in_a_variable_is_not_read(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("REDIS_PASSWORD", "from the environment")
    environment.setenv("DATABASE_PASSWORD", "from the environment")
    assert "environment" not in Settings.load(needs=ALL).redis_url(0)
    assert Settings.load(needs=ALL).database_password.get_secret_value() == PASSWORD


def test_production_does_not_put_passwords_to_a_platform_in_clear_text(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("TIMESTACK_ENV", "production")
    environment.setenv("AUTH_BACKEND", "platform")
    with pytest.raises(SettingsError, match=r"PLATFORM_URL.*passwords in clear text"):
        Settings.load(needs=ALL)
    environment.setenv("PLATFORM_URL", "https://media.example.org")
    assert Settings.load(needs=ALL).platform_url == "https://media.example.org"
    environment.setenv("AUTH_BACKEND", "local")
    environment.delenv("PLATFORM_URL")
    assert Settings.load(needs=ALL).auth_backend == "local"


def test_proxies_to_trust_that_are_not_networks_are_a_fault(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("TRUSTED_PROXIES", "10.0.0.5,proxy")
    (fault,) = faults()
    assert fault.startswith("TRUSTED_PROXIES='10.0.0.5,proxy': proxy is not an address or network")
