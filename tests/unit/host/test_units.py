"""What `make install` writes, and what it refuses."""

import configparser
import os
from pathlib import Path

import pytest

from scripts.host import units
from scripts.host.faults import Refused

ROOT = Path("/srv/time series 100%")


def test_every_unit_is_of_this_folder_and_this_user() -> None:
    found = units.texts(ROOT, "timestack", "ann")
    assert set(found) == {
        "timestack.service",
        "timestack-update.service",
        "timestack-update.timer",
        "timestack-drill.service",
        "timestack-drill.timer",
    }
    for name, text in found.items():
        unit = configparser.ConfigParser(interpolation=None)
        unit.optionxform = str
        unit.read_string(text)
        if name.endswith(".service"):
            assert unit["Service"]["User"] == "ann"
            assert unit["Service"]["WorkingDirectory"] == "/srv/time series 100%%"
            assert unit["Unit"]["After"].startswith("docker.service ")
        else:
            assert unit["Timer"]["Persistent"] == "true"


def test_the_stack_starts_at_boot_by_the_images_that_are_there() -> None:
    text = units.texts(ROOT, "timestack", "ann")["timestack.service"]
    assert "Environment=BUILD=no BOOTSTRAP=no\n" in text
    assert "-m scripts.host up\n" in text
    assert "-m scripts.host down\n" in text


def test_without_systemd_it_says_what_to_do_instead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(units, "RUNS", tmp_path / "none")
    monkeypatch.setattr(units, "UNITS", tmp_path)
    with pytest.raises(Refused) as refused:
        units.install(Path(__file__).resolve().parents[3], [])
    (fault,) = refused.value.faults
    assert fault.what == "this host is not run by systemd"
    assert "scripts.host update" in fault.todo
    assert refused.value.untouched
    assert list(tmp_path.iterdir()) == []


def test_a_user_who_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(units, "RUNS", tmp_path)
    monkeypatch.setattr(units, "UNITS", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Refused) as refused:
        units.install(Path(__file__).resolve().parents[3], ["--user", "nobody-of-this-name"])
    assert [each.what for each in refused.value.faults] == [
        f"{tmp_path} can be written by root alone",
        "there is no such user",
    ]
