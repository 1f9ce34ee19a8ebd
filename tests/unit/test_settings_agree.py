"""What a setting may be and what it is by default: the host, Compose and the web say the same."""

from __future__ import annotations

import re
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings
from pydantic import SecretStr

from scripts.host import environment
from scripts.host.faults import Refused
from tests.stack import ROOT
from timestack.settings import Settings
from timestack.shared.allowed import BY_NAME

DEFAULTS = environment.defaults()
# Those of `.env` that a container gets.
SHARED = sorted(name for name in BY_NAME if name.lower() in Settings.model_fields)
COMPOSE = sorted((ROOT / "compose").glob("*.yaml"))
# Whoever calls Compose by itself, without a word of what this is for, gets the strict one.
STRICTER = {"TIMESTACK_ENV": "production", "COMPOSE_PROFILES": ""}
# Near to what is right, and far from it.
TEXTS = st.one_of(
    st.sampled_from(sorted({*DEFAULTS.values(), "yes", "no", "true", "on", "1", "YES"})),
    st.from_regex(r"\A/?[a-z_./-]{0,12}\Z"),
    st.from_regex(r"\A[+-]?[0-9_]{0,6}\Z"),
    st.from_regex(r"\A[a-z0-9]{1,4}([.@:/-][A-Za-z0-9]{0,4}){0,4}\Z"),
    st.from_regex(r"\Ahttps?://[a-z.:/?@-]{0,10}\Z"),
    st.text(max_size=12),
)


def accepted_by_host(name: str, value: str) -> bool:
    # A port that another setting has as well is refused for that, and not for what it is.
    others = {**DEFAULTS, "HTTP_PORT": "1"} if value != "1" else DEFAULTS
    try:
        environment.overlay(dict(others), {name: value})
    except Refused:
        return False
    return True


def accepted_by_web(name: str, value: str, environ: pytest.MonkeyPatch) -> bool:
    with environ.context() as changed:
        for each in BY_NAME:
            changed.delenv(each, raising=False)
        changed.setenv(name, value)
        changed.setenv("TIMESTACK_ENV", value if name == "TIMESTACK_ENV" else "development")
        try:
            Settings(database_sslmode="require", database_password=SecretStr("x"))
        except ValueError:
            return False
        return True


@pytest.mark.parametrize("name", SHARED)
@settings(max_examples=150)
@example(value="/_x")
@example(value="/-a")
@example(value="/tools/time.stack")
@example(value="10.0.0.0/8")
@example(value="Data.example.org")
@given(value=TEXTS)
def test_what_the_host_takes_the_web_takes_and_nothing_else(name: str, value: str) -> None:
    # What the environment of a process cannot hold.
    if "\0" in value or any(0xD800 <= ord(each) < 0xE000 for each in value):
        return
    web = accepted_by_web(name, value, pytest.MonkeyPatch())
    assert web == accepted_by_host(name, value), f"{name}={value!r}: the web says {web}"


@pytest.mark.parametrize("name", SHARED)
def test_the_web_s_default_is_the_documented_one(name: str) -> None:
    default = Settings.model_fields[name.lower()].default
    text = {True: "yes", False: "no"}[default] if isinstance(default, bool) else str(default)
    assert text == STRICTER.get(name, DEFAULTS[name])


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: file.name)
def test_compose_s_default_is_the_documented_one(file: Path) -> None:
    for name, default in re.findall(r"\$\{(\w+):-([^}]*)\}", file.read_text()):
        # What may be empty says by that that something else is meant, and this is it.
        if DEFAULTS.get(name):
            expected = STRICTER.get(name, DEFAULTS[name])
            assert default == expected, f"{file.name}: {name}"


def test_every_compose_file_reads_settings() -> None:
    assert len(COMPOSE) == 7
