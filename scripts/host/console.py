"""Messages of the host side, and how long things took.

On a terminal a long phase shows one line that moves; elsewhere plain lines, one at the start, one
at the end, and one every QUIET seconds so that a log shows life.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from scripts.host.faults import Fault, Refused

QUIET = 15.0
TAIL = 25


def info(text: str) -> None:
    print(text, flush=True)


def warn(text: str) -> None:
    print(f"! {text}", file=sys.stderr, flush=True)


def show(faults: Sequence[Fault]) -> None:
    """Every fault, on standard error."""
    for fault in faults:
        print(f"x {fault}", file=sys.stderr)
    sys.stderr.flush()


def confirm(question: str, expected: str) -> bool:
    """True when the person at the terminal types `expected`; False without a terminal."""
    if not sys.stdin.isatty():
        return False
    return input(f"{question} Type {expected} to go on: ").strip() == expected


class Phases:
    """Named phases with their seconds, and the table of them at the end."""

    def __init__(self) -> None:
        self.took: list[tuple[str, float, str]] = []

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[Phase]:
        """Time a block; its `result` and its seconds appear in the table."""
        current = Phase(name)
        current.start()
        try:
            yield current
        except BaseException:
            current.end("failed")
            raise
        self.took.append((name, current.end("done"), current.result))

    def table(self) -> str:
        rows = [(name, f"{seconds:.1f} s", result) for name, seconds, result in self.took]
        total = sum(seconds for _, seconds, _ in self.took)
        rows.append(("total", f"{total:.1f} s", ""))
        return columns(rows, right={1})


class Phase:
    """One running phase; `status` is what it does now, `result` how it ended."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = ""
        self.result = ""
        self._began = time.monotonic()
        self._over = threading.Event()
        self._line = threading.Thread(target=self._show, daemon=True)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def start(self) -> None:
        if not sys.stdout.isatty():
            info(f"{self.name} …")
        self._line.start()

    def _show(self) -> None:
        moving = sys.stdout.isatty()
        while not self._over.wait(0.2 if moving else QUIET):
            text = f"{self.name} … {self.seconds:4.0f} s  {self.status}"[: _width()]
            if moving:
                sys.stdout.write(f"\r\x1b[K{text}")
                sys.stdout.flush()
            else:
                info(f"  {text}")

    def end(self, word: str) -> float:
        self._over.set()
        self._line.join()
        seconds = self.seconds
        clear = "\r\x1b[K" if sys.stdout.isatty() else ""
        mark = "✓" if word == "done" else "x"
        info(f"{clear}{mark} {self.name:<12} {seconds:6.1f} s  {self.result}".rstrip())
        return seconds

    def run(
        self,
        command: Sequence[str],
        log: Path,
        *,
        what: str,
        todo: str,
        env: dict[str, str] | None = None,
        read: Callable[[str], str | None] = lambda line: line.strip() or None,
    ) -> None:
        """Run `command` with its output in `log`; `read` turns a line into the status, or None.

        Raises Refused with the last lines when the command fails.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", errors="replace") as file:
            process = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            last: list[str] = []
            for line in process.stdout or ():
                file.write(line)
                last = [*last[-TAIL:], line.rstrip()]
                self.status = read(line) or self.status
            status = process.wait()
        if status:
            text = "\n    ".join([f"{what} (exit code {status}):", *last])
            raise Refused([Fault(str(log), text, todo)])


def _width() -> int:
    """Columns of the terminal, or of a line in a log: enough for a step, not for its script."""
    return max(20, shutil.get_terminal_size((120, 24)).columns - 1)


def columns(rows: Sequence[Sequence[str]], right: set[int] = frozenset()) -> str:
    """Rows of text under each other; the columns in `right` are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)
