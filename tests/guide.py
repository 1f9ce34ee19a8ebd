"""docs/make-it-yours.md, and a copy of the tree in which it was followed to the letter."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.integration.db.conftest import Database
from tests.stack import ROOT

GUIDE = (ROOT / "docs" / "make-it-yours.md").read_text()
COPIED = ("scripts", "services/web", "services/timescaledb/schema", "tests", "compose")
VERSIONS = "services/web/migrations/versions"
SCHEMA = "services/timescaledb/schema/hypertables.yaml"
# A file that the guide names, and then the whole of it.
WHOLE = re.compile(r"`(services/\S+\.py)`:\n\n( *)```python\n(\2\"\"\".+?)\2```", re.DOTALL)


class Copy:
    """The tree as somebody has it who did what the guide says."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        # How to reach the database; the unit tests bring what they need themselves.
        self.reach = {
            **database.environment,
            "SCHEMA_FILE": str(folder / SCHEMA),
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": "1",
        }
        for each in COPIED:
            shutil.copytree(
                ROOT / each,
                folder / each,
                ignore=shutil.ignore_patterns("__pycache__", "node_modules"),
            )
        for each in ("pyproject.toml", ".env.example"):
            shutil.copy(ROOT / each, folder)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, (file, old)
        path.write_text(text.replace(old, new))

    def provision(self, verb: str) -> str:
        return self.run("-m", "scripts.provision", verb, **self.reach)

    def run(self, *command: str, **changes: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env={
                # Options of the suite's own pytest are not those of the one that is run here.
                **{name: text for name, text in os.environ.items() if name != "PYTEST_ADDOPTS"},
                "PYTHONPATH": f"{self.folder}:{self.folder / 'services/web'}",
                **changes,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def line(start: str) -> str:
    """The one line of the guide's code that begins like this."""
    [found] = set(re.findall(rf"^ *({re.escape(start)}.*)$", GUIDE, re.MULTILINE))
    return found


def follow(folder: Path, database: Database) -> Copy:
    """Do in an empty folder what the guide says, up to where the database is provisioned."""
    copy = Copy(folder, database)
    for file, indent, text in WHOLE.findall(GUIDE):
        (copy.folder / file).write_text(textwrap.dedent(indent + text.removeprefix(indent)))
    package = "services/web/timestack"
    copy.edit(f"{package}/models/__init__.py", "from timestack.models.results",
              line("from timestack.models.power") + "\nfrom timestack.models.results")  # fmt: skip
    copy.edit(f"{package}/models/__init__.py", '    "Probe",', '    "Power",\n    "Probe",')
    entry = textwrap.dedent(re.search(r"```yaml\n(.+?)\n   ```", GUIDE, re.DOTALL)[1])
    copy.edit(SCHEMA, "hypertables:\n  readings:",
              f"hypertables:\n{textwrap.indent(entry, '  ')}\n\n  readings:")  # fmt: skip
    pages = f"{package}/dash/__init__.py"
    copy.edit(pages, "    operations,\n", "    operations,\n    power,\n")
    copy.edit(pages, "    results.PAGE,\n", "    results.PAGE,\n    power.PAGE,\n")
    api = f"{package}/api/__init__.py"
    copy.edit(api, "    operations,\n", "    operations,\n    power,\n")
    copy.edit(api, "    manifest.resource,\n", "    manifest.resource,\n    power.resource,\n")
    tasks = f"{package}/tasks/every.py"
    copy.edit(tasks, "    platform,\n", "    platform,\n    power,\n")
    copy.edit(tasks, '    "platform",\n', '    "platform",\n    "power",\n')
    copy.edit(f"{package}/domains/jobs/kinds.py", "_KINDS = (\n",
              f"_KINDS = (\n    {line('Kind(')},\n")  # fmt: skip
    copy.edit(f"{package}/shared/roles.py", "    BACKUP,\n)",
              f"    BACKUP,\n    {line('Role(')}\n)")  # fmt: skip
    compose = "compose/compose.yaml"
    copy.edit(compose, "      - db_backup_password\n",
              f"      - db_backup_password\n      {line('- db_bi_password')}\n")  # fmt: skip
    with (copy.folder / compose).open("a") as file:
        file.write(f"  {line('db_bi_password: ')}\n")
    copy.edit(SCHEMA, "\n\n  readings:", f"\n      {line('timestack_bi: ')}\n\n  readings:")
    copy.run("-m", "scripts.host", "secrets", SECRETS_PATH=str(copy.database.server.secrets))
    return copy
