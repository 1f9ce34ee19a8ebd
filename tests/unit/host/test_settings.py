"""Which settings a verb looks at, and the message about a variable that wins over `.env`."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.host import environment
from scripts.host.faults import Refused

FILE = dict(environment.defaults())
# What a shell may hold for its own purposes; the last three say which stack is meant.
FAULTY = {
    "SEED": "42",
    "LOG_LEVEL": "INFO",
    "DB_CPUS": "many",
    "HTTP_PORT": "",
    "WEB_THREADS": "0",
}


@pytest.mark.parametrize(("name", "value"), FAULTY.items())
def test_a_variable_in_the_way_is_named_with_its_value_and_how_to_unset_it(
    name: str, value: str
) -> None:
    with pytest.raises(Refused) as refused:
        environment.overlay(FILE, {name: value})
    (fault,) = refused.value.faults
    assert fault.where == f"variable {name} of your shell"
    assert value in fault.what
    assert f"wins over {name}={FILE[name]} of .env" in fault.what
    assert f"`unset {name}`" in fault.todo


def test_every_variable_in_the_way_is_named_at_once() -> None:
    with pytest.raises(Refused) as refused:
        environment.overlay(FILE, FAULTY)
    assert len(refused.value.faults) == len(FAULTY)


@pytest.mark.parametrize(("name", "value"), FAULTY.items())
def test_a_verb_that_does_not_use_a_variable_passes_a_faulty_one_over(
    name: str, value: str
) -> None:
    merged = environment.overlay(FILE, {name: value, "SMTP_PORT": "25"}, environment.IDENTITY)
    assert merged == {**FILE, "SMTP_PORT": "25"}


@pytest.mark.parametrize("name", sorted(environment.IDENTITY - {"COMPOSE_PROFILES"}))
def test_no_verb_passes_over_a_variable_that_says_which_stack_is_meant(name: str) -> None:
    with pytest.raises(Refused):
        environment.overlay(FILE, {name: "Not One!"}, environment.IDENTITY)


def test_two_ports_that_a_variable_makes_equal_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        environment.overlay(FILE, {"HTTP_PORT": FILE["HTTPS_PORT"]})
    assert "both ports" in str(refused.value)


def test_a_verb_that_does_not_use_a_setting_reads_a_faulty_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("SEED=42\nDB_CPUS=many\nHTTP_PORT=8443\nSMTP_PORT=25\n")
    with pytest.raises(Refused):
        environment.read(file)
    read = environment.read(file, environment.IDENTITY)
    assert (read["SEED"], read["DB_CPUS"], read["SMTP_PORT"]) == ("yes", "2", "25")
