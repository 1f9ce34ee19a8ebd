"""What git makes of our files on another host."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.stack import ROOT


def git(*arguments: object, cwd: Path = ROOT) -> bytes:
    return subprocess.run(
        ["git", *map(str, arguments)], cwd=cwd, capture_output=True, check=True
    ).stdout


def test_a_clone_with_the_line_ends_of_windows_has_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    git("init", "--quiet", cwd=tmp_path / "work")
    git("config", "core.autocrlf", "true", cwd=tmp_path / "work")
    names = [name for name in git("ls-files", "-z").decode().split("\0") if (ROOT / name).is_file()]
    for name in filter(None, names):
        file = tmp_path / "work" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((ROOT / name).read_bytes())
    git("add", "--all", "--force", cwd=tmp_path / "work")
    git("checkout-index", "--all", f"--prefix={tmp_path}/clone/", cwd=tmp_path / "work")
    changed = [
        name
        for name in filter(None, names)
        if (tmp_path / "clone" / name).read_bytes() != (ROOT / name).read_bytes()
    ]
    assert changed == []
    assert (tmp_path / "clone" / "traefik" / "entrypoint").read_bytes().startswith(b"#!/bin/sh\n")
