"""Readings that the web said are written, in a file outside of the stack; whether they are there.

A client writes some at a time, and the same again until it is told that they are written.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from tests.faults.ledger import AGAIN, PATIENCE, Row, repeated
from tests.stack import Stack, forget_sensors

TYPE = "fault"
START = datetime(2026, 1, 1, tzinfo=UTC)
# Of one request.
BATCH = 50
FOUND = (
    "select value from readings join sensors on id = sensor_id where type = '{}' and name = '{}'"
)


class Rows:
    """The readings of one fault; each has a value of its own."""

    def __init__(self, stack: Stack, file: Path, name: str):
        self.stack, self.name = stack, name
        self.statuses: Counter[str] = Counter()
        self._client = stack.client(http2=False, like=stack.http)
        self._numbers = itertools.count()
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file.open("w+")

    @contextmanager
    def flow(self, every: float = 0.25) -> Iterator[None]:
        """Write again and again until the block ends."""
        with repeated(self.write, every):
            yield

    def write(self) -> None:
        """Ask until a batch is written, and write that down; a refusal must be a sentence."""
        numbers = list(itertools.islice(self._numbers, BATCH))
        body = [
            {
                "time": (START + timedelta(seconds=number)).isoformat(),
                "value": number,
                "type": TYPE,
                "location": "-",
                "name": self.name,
            }
            for number in numbers
        ]
        until = time.monotonic() + PATIENCE
        while self._ask(body) != "200":
            assert time.monotonic() < until, f"not written in {PATIENCE} s: {self.statuses}"
            time.sleep(AGAIN)
        self._file.writelines(f"{number}\n" for number in numbers)
        self._file.flush()

    def _ask(self, body: list[dict]) -> str:
        try:
            answer = self._client.post("/api/v1/readings", json=body)
        except httpx.HTTPError as error:
            status = type(error).__name__
        else:
            status = str(answer.status_code)
            assert status in {"200", "429", "502", "503", "504"}, f"{status}: {answer.text}"
            assert "Traceback" not in answer.text
        self.statuses[status] += 1
        return status

    def prove(self, fault: str, since: float) -> Row:
        """Compare what is there with what was said to be written.

        ``since`` is the time.monotonic() of the fault's end.
        """
        self._file.seek(0)
        written = {int(line) for line in self._file}
        self._file.close()
        self._client.close()
        found = Counter(
            int(float(value)) for (value,) in self.stack.sql(FOUND.format(TYPE, self.name))
        )
        row = Row(
            f"{fault}: readings",
            accepted=len(written),
            completed=len(written & found.keys()),
            duplicated=sum(count - 1 for count in found.values()),
            lost=len(written - found.keys()),
            seconds=time.monotonic() - since,
        )
        print(row, dict(self.statuses))
        assert written, "nothing was written"
        assert found == Counter(written)
        forget_sensors(self.stack, f"type = '{TYPE}' and name = '{self.name}'")
        return row
