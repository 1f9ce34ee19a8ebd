"""The examples of docs/api.md, to the letter, against a server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.db.conftest import Database
from tests.served import Web
from tests.stack import ROOT
from timestack import db
from timestack.domains import tokens, users

pytestmark = pytest.mark.database

EXAMPLES = (ROOT / "docs" / "api.md").read_text().partition("\n## Examples\n")[2]


def blocks(heading: str, language: str) -> list[str]:
    """The code of one language below a heading of the examples."""
    part = re.search(rf"^### {heading}\n(.+?)(?=^### |\Z)", EXAMPLES, re.DOTALL | re.MULTILINE)[1]
    return re.findall(rf"^```{language}\n(.+?)^```", part, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def environment(provisioned: Database, served: Web) -> dict[str, str]:
    """What the first example sets: the address of this server, and a token that may write."""
    engine = db.init(provisioned.settings("app"))
    with db.session() as session:
        users.put(session, "writer@example.org", "editor")
        user = users.find(session, "writer@example.org")
        token, _ = tokens.make(session, user, "examples", "write")
    engine.dispose()
    return {**os.environ, "API": f"http://127.0.0.1:{served.port}/api/v1", "TOKEN": token}


@pytest.fixture(scope="module")
def folder(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples for curl were run, one after the other."""
    folder = tmp_path_factory.mktemp("examples")
    shown = []
    for block in blocks("curl", "sh"):
        # A pipe fails with any of its parts.
        command = ["bash", "-euo", "pipefail", "-c", block]
        shown.append(run(command, folder, environment))
    (folder / "shown").write_text("".join(shown))
    return folder


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_curl_writes_and_reads(folder: Path, provisioned: Database) -> None:
    values = provisioned.sql("select string_agg(value::text, ' ' order by time) from readings")
    assert values == "4.2 5.1 4.8"
    shown = (folder / "shown").read_text()
    assert '"location":"roof"' in shown.replace(" ", "")
    assert shown.endswith("304\n")
    lines = (folder / "readings.csv").read_text().splitlines()
    assert len(lines) == 3, "a heading, and the two of that day"


def test_a_large_file_comes_in_parts(tmp_path: Path, environment: dict[str, str]) -> None:
    [block] = blocks("A large file", "sh")
    # Parts of which there are several.
    block = block.replace("part=4194304", "part=500")
    shown = json.loads(run(["bash", "-euo", "pipefail", "-c", block], tmp_path, environment))
    assert (shown["rows"], shown["first"][19][1:]) == (60, ["a", 7.5])
    assert [each["role"] for each in shown["columns"]] == ["time", "key", "value"]


def test_pandas_reads_csv_and_parquet(folder: Path, environment: dict[str, str]) -> None:
    [block] = blocks("pandas", "python")
    shown = run([sys.executable, "-c", block], folder, environment)
    assert "count" in shown
    assert "2026-01-31 12:00:00+00:00    4.65" in shown
