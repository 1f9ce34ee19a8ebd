"""A session of the superuser's over the socket of a database's container, which stays open."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import uuid
from types import TracebackType

# Where the server listens inside its container.
SOCKET = "/run/postgresql"


class SessionError(Exception):
    """A statement failed, or the server went away; str() is what psql says."""


class Session:
    """`with Session(container) as ask: ask("select 1")` answers what `psql -XAtq` prints.

    The container is named by its id or name. Leaving the block ends the session, and whatever
    transaction is open with it.
    """

    def __init__(self, container: str, database: str = "timestack") -> None:
        self._container = container
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        fixed = ("-XAtq", "-v", "ON_ERROR_STOP=1", "-h", SOCKET, "-U", "postgres", "-d", database)
        self._process = subprocess.Popen(
            ["docker", "exec", "--interactive", container, "psql", *fixed],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # psql ends when its input does; a statement that still runs is not waited for.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def __call__(self, statements: str) -> str:
        """Run statements, each with its semicolon; raises SessionError when one fails."""
        end = uuid.uuid4().hex
        lines: list[str] = []
        try:
            self._process.stdin.write(f"{statements}\n\\echo {end}\n")
            self._process.stdin.flush()
            for line in self._process.stdout:
                if line == f"{end}\n":
                    return "".join(lines)
                lines.append(line)
        except BrokenPipeError:
            pass
        self._process.wait()
        self._errors.seek(0)
        raise SessionError(self._errors.read().strip() or f"{self._container} went away")
