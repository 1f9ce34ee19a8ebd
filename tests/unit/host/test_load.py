"""The host's half of `make load`: what FILE may be, and where bad rows go."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from scripts.host import __main__ as host
from scripts.host import load
from scripts.host.compose import Compose
from scripts.host.faults import Refused
from scripts.host.mounts import bind, mounted

NAMES = ["r_2026-01-31T12:00:00.csv", "it's.csv", 'a "b".csv', "a$b,c.csv", "${x}.csv", "-x.csv"]


def opened(name: Path | str) -> load.File:
    with load._open(str(name)) as file:
        return file


@pytest.mark.parametrize("name", NAMES)
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("abc")
    assert opened(tmp_path / name).size == 3


def test_what_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for name, what in {
            "nowhere.csv": "No such file",
            "loop": "symbolic links",
            "socket": "No such device",
            ".": "is a folder",
            "x" * 300: "name too long",
        }.items():
            with pytest.raises(Refused, match=what) as refused:
                opened(tmp_path / name)
            assert f"FILE={tmp_path}" in str(refused.value)
            assert "nothing was loaded" in str(refused.value)


def test_a_pipe_has_no_size(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    assert opened(f"/dev/fd/{reading}").size is None
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("data", "mode", "is_mounted"),
    [
        (b"time,key", 0o644, True),
        (b"time,key", 0o600, False),
        (b"PAR1...", 0o600, True),
        (b"", 0o644, False),
    ],
)
def test_what_everybody_may_read_and_parquet_is_mounted(
    tmp_path: Path, data: bytes, mode: int, is_mounted: bool
) -> None:
    file = tmp_path / "rows"
    file.write_bytes(data)
    file.chmod(mode)
    with load._open(str(file)) as opened:
        assert opened.is_mounted == is_mounted
        file.unlink()
        assert not opened.is_mounted


@pytest.mark.parametrize(
    ("options", "passed"),
    [
        (["--quarantine", "bad.csv", "--tz", "UTC"], ["--quarantine", "-", "--tz", "UTC"]),
        (["--quarantine=bad.csv"], ["--quarantine=-"]),
    ],
)
def test_bad_rows_come_by_standard_output(tmp_path, monkeypatch, options, passed) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("x")
    with load._open("rows.csv") as file, load._aside(options, file) as (more, output):
        assert more == passed
        output.write(b"1,a\n")
    assert Path("bad.csv").read_text() == "1,a\n"


@pytest.mark.parametrize(
    ("name", "what"),
    [("nowhere/bad.csv", "No such file"), (".", "directory"), ("rows.csv", "to be loaded")],
)
def test_a_quarantine_of_no_use_is_refused_and_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("rows")
    with (
        load._open("rows.csv") as file,
        pytest.raises(Refused, match=what),
        load._aside(["--quarantine", name], file),
    ):
        pass
    assert Path("rows.csv").read_text() == "rows"


def test_a_file_is_sent_as_it_was_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "grows.csv"
    path.write_bytes(b"abc")
    with load._open(str(path)) as file, (tmp_path / "sent").open("wb", buffering=0) as pipe:
        path.write_bytes(b"abcdef")
        load._send(file, pipe)
    assert (tmp_path / "sent").read_bytes() == b"\0\0\0\3abc\0\0\0\0"


def test_a_quote_left_open_in_args_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGS", "--tz 'UTC")
    with pytest.raises(Refused, match="ARGS=--tz 'UTC: No closing quotation"):
        host.words("ARGS")


@pytest.mark.parametrize("name", ["a,b", 'a"b', "a:b", "a$b", "a b"])
def test_a_mount_may_have_any_path(name: str) -> None:
    flag, value = bind(Path("/x") / name, "/inside")
    assert flag == "--mount"
    (row,) = csv.reader([value])
    assert row == ["type=bind", f"source=/x/{name}", "target=/inside", "readonly"]


@pytest.mark.parametrize("name", NAMES)
def test_compose_reads_the_path_of_a_mount_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / "compose").mkdir()
    (tmp_path / ".env").write_text("")
    (tmp_path / "compose" / "compose.yaml").write_text("services: {provision: {image: x}}")
    file = tmp_path / name
    file.write_text("rows")
    file.chmod(0o644)
    values = {"COMPOSE_PROJECT_NAME": "x", "DB_CPUS": "1", "APP_CPUS": "1", "SECRETS_PATH": "s"}
    with mounted(Compose(tmp_path, values), "provision", {"/inside": file}) as command:
        done = subprocess.run(
            [*command, "config", "--format", "json"], capture_output=True, text=True, check=True
        )
    (volume,) = json.loads(done.stdout)["services"]["provision"]["volumes"]
    # `config` writes a dollar sign as Compose would read it again.
    assert volume["source"].replace("$$", "$") == str(file)
    assert volume["target"] == "/inside"


def test_what_others_may_not_read_is_copied_for_as_long_as_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("")
    file = tmp_path / "mine.parquet"
    file.write_text("rows")
    file.chmod(0o600)
    left = tmp_path / "build" / "mounts-999999999-x"
    left.mkdir(parents=True)
    values = {"COMPOSE_PROJECT_NAME": "x", "DB_CPUS": "1", "APP_CPUS": "1", "SECRETS_PATH": "s"}
    with mounted(Compose(tmp_path, values), "provision", {"/inside": file}):
        (folder,) = (tmp_path / "build").iterdir()
        copy = folder / "0"
        assert copy.read_text() == "rows"
        assert copy.stat().st_mode & 0o777 == 0o444
        assert folder.stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "build").iterdir()) == []
    assert file.stat().st_mode & 0o777 == 0o600
