"""A psql that stays open: to start one in a container costs a hundred times what it is asked."""

from __future__ import annotations

import subprocess
import tempfile
import uuid


class Psql:
    """The superuser's psql within a container; what a statement sets ends with it."""

    def __init__(self, container: str, database: str, *options: str) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        fixed = ("-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database)
        self._process = subprocess.Popen(
            ["docker", "exec", "--interactive", container, "psql", *fixed, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    @property
    def is_open(self) -> bool:
        """False after a statement has failed, and when the container or the server went away."""
        return self._process.poll() is None

    def ask(self, statement: str) -> str:
        """What psql prints of it; AssertionError with psql's message when it fails."""
        end = uuid.uuid4().hex
        # As a session's end does: undo what is open, drop what is temporary, reset what was set.
        self._process.stdin.write(f"{statement}\n;\nrollback;\ndiscard all;\n\\echo {end}\n")
        self._process.stdin.flush()
        lines = []
        for line in self._process.stdout:
            if line == f"{end}\n":
                return "".join(lines)
            lines.append(line)
        self._process.wait()
        self._errors.seek(0)
        raise AssertionError(self._errors.read())

    def close(self) -> None:
        self._process.communicate()
        self._errors.close()
