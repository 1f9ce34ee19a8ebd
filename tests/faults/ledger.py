"""What the stack has accepted, in a file outside of it, and whether that is what it did.

A job here is ``jobs.probe``: its effect is one row that holds the job's mark. A client asks for it
over HTTP, and asks again under the same idempotency key until it is accepted.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from threading import Event, Lock, Thread

import httpx

from tests.stack import ADMIN_EMAIL, PASSWORD, Stack, docker, ready_for_api, wait_until
from timestack.models.jobs import FINISHED

THREADS = 4
# Seconds until a client asks again, and until it gives up.
AGAIN = 0.5
PATIENCE = 180
# Seconds in which the stack must have ended every job, once the fault is over.
DEADLINE = 300

JOBS = """
select params ->> 'mark', state, attempts from jobs
 where kind = 'jobs.probe' and params ->> 'mark' like '{name}/%'
"""
EFFECTS = "select mark, count(*) from job_probes where mark like '{name}/%' group by mark"
# How kombu names the lists of a queue, one for each step of priority.
MESSAGES = """
REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli -n 0 --raw eval "
local waiting = 0
for _, name in ipairs({'short', 'long'}) do
  for _, step in ipairs({'', '\\6\\22' .. '3', '\\6\\22' .. '6', '\\6\\22' .. '9'}) do
    waiting = waiting + redis.call('llen', name .. step)
  end
end
return waiting" 0
"""


@dataclass
class Row:
    """One line of the table; ``seconds`` from the end of the fault until all was done."""

    fault: str
    accepted: int
    completed: int
    duplicated: int
    lost: int
    seconds: float

    def __str__(self) -> str:
        fault, *counts, seconds = astuple(self)
        return f"{fault:<56}{''.join(f'{count:>11}' for count in counts)}{seconds:>9.0f}"


HEADER = (
    f"{'fault':<56}{'accepted':>11}{'completed':>11}{'duplicated':>11}{'lost':>11}{'seconds':>9}"
)


@contextmanager
def repeated(action: Callable[[], None], every: float) -> Iterator[None]:
    """Do it again and again beside the block, until that ends; raises what it raised."""
    over, failed = Event(), []

    def client() -> None:
        try:
            while not over.wait(every):
                action()
        except BaseException as error:  # noqa: BLE001 (raised where it is seen)
            failed.append(error)

    thread = Thread(target=client)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failed:
        raise failed[0]


class Ledger:
    """The jobs of one fault."""

    def __init__(self, stack: Stack, file: Path, name: str):
        self.stack, self.name = stack, name
        # HTTP/1.1: a connection of HTTP/2 is not for several threads.
        self._client = stack.client(http2=False, like=stack.http)
        self._numbers = itertools.count()
        self._turn = Lock()
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file.open("w")

    def log_in_again(self) -> None:
        """Go on with a session of now."""
        self._client.close()
        client = self.stack.client(http2=False)
        answer = self.stack.log_in(client, ADMIN_EMAIL, PASSWORD)
        assert answer.status_code == 302, answer.text
        self._client = ready_for_api(client)

    def submit(self, count: int, seconds: float = 0, **more) -> None:
        """Have so many jobs accepted, by some clients at once."""
        with ThreadPoolExecutor(THREADS) as clients:
            for each in [clients.submit(self.submit_one, seconds, **more) for _ in range(count)]:
                each.result()

    def submit_one(self, seconds: float = 0, **more) -> None:
        """Ask until the job is accepted, and write it down."""
        mark = f"{self.name}/{next(self._numbers)}"
        body = {"kind": "jobs.probe", "params": {"mark": mark, "seconds": seconds}, **more}
        until = time.monotonic() + PATIENCE
        while (answer := self._ask(mark, body)) is None or answer.status_code != 202:
            refused = answer is not None and answer.status_code < 500 and answer.status_code != 429
            assert not refused, f"{answer.status_code}: {answer.text}"
            assert time.monotonic() < until, f"{mark} was not accepted in {PATIENCE} s: {answer}"
            time.sleep(AGAIN)
        with self._turn:
            self._file.write(json.dumps({"mark": mark, "id": answer.json()["id"]}) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def _ask(self, key: str, body: dict) -> httpx.Response | None:
        headers = {"Idempotency-Key": key}
        try:
            return self._client.post("/api/v1/jobs", json=body, headers=headers)
        except httpx.HTTPError:
            return None

    @contextmanager
    def flow(self, seconds: float = 0.1, every: float = 0.25, **more) -> Iterator[None]:
        """Have jobs accepted again and again until the block ends."""
        with repeated(lambda: self.submit_one(seconds, **more), every):
            yield

    def states(self) -> Counter[str]:
        """How many jobs of this fault are in each state."""
        return Counter(self._jobs().values())

    def running(self) -> set[str]:
        """The marks of the jobs that a worker is in the middle of."""
        return {mark for mark, state in self._jobs().items() if state == "running"}

    def wait_until_ended(self, marks: set[str]) -> None:
        """Wait until each of these has ended."""

        def ended() -> bool:
            return all(state in FINISHED for mark, state in self._jobs().items() if mark in marks)

        wait_until(ended, f"these have ended: {sorted(marks)}", DEADLINE)

    def _jobs(self) -> dict[str, str]:
        return {mark: state for mark, state, _ in self.stack.sql(JOBS.format(name=self.name))}

    def wait_until_running(self) -> None:
        wait_until(lambda: self.states()["running"], "a worker is in the middle of a job")

    def prove(self, fault: str, since: float) -> Row:
        """Wait until every accepted job has ended, and compare what was done with what was asked.

        ``since`` is the time.monotonic() of the fault's end.
        """
        wait_until(self._all_ended, f"all jobs have ended: {fault}", DEADLINE)
        seconds = time.monotonic() - since
        wait_until(self._healthy, f"the stack is healthy: {fault}", DEADLINE)
        self._file.close()
        self._client.close()
        lines = Path(self._file.name).read_text().splitlines()
        accepted = {json.loads(line)["mark"] for line in lines}
        jobs = self._jobs()
        effects = {
            mark: int(count) for mark, count in self.stack.sql(EFFECTS.format(name=self.name))
        }
        row = Row(
            fault,
            accepted=len(accepted),
            completed=sum(jobs.get(mark) == "succeeded" for mark in accepted),
            duplicated=sum(count - 1 for count in effects.values()),
            lost=len(accepted - effects.keys()),
            seconds=seconds,
        )
        print(row)
        assert accepted, "nothing was asked for"
        assert jobs.keys() == accepted, "a row for each request"
        assert effects == dict.fromkeys(accepted, 1), "one effect for each request"
        assert row.completed == row.accepted, Counter(jobs.values())
        wait_until(lambda: self.messages() == 0, "no message is left")
        return row

    def _all_ended(self) -> bool:
        # It raises while the database is on its way back.
        with suppress(AssertionError):
            return self.states().keys() <= set(FINISHED)
        return False

    def _healthy(self) -> bool:
        # One that is about to be started again has exited: wait for it.
        with suppress(AssertionError):
            return self.stack.all_healthy()
        return False

    def messages(self) -> int:
        """How many messages of jobs wait in Redis."""
        redis = self.stack.inspect("redis")["Id"]
        return int(docker("exec", redis, "sh", "-c", MESSAGES))
