"""One round of ``bench_web``, within the web's container; reads what to ask, and prints JSON.

The container has the address of its own server, of the proxy and of the database.
"""

from __future__ import annotations

import json
import random
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from timestack import db
from timestack.series import encode
from timestack.series.query import query
from timestack.settings import WEB_SECRETS, Settings

# Connections at a time, and the encodings that are taken, as of browsers.
CLIENTS = 4
BROWSERS = {"Accept-Encoding": "gzip, deflate, br, zstd"}
SHOWN = ("min", "mean", "max")


class Bench:
    def __init__(self, asked: dict[str, Any], engine: Engine):
        self.asked, self.engine = asked, engine
        self.headers = {"Cookie": asked["cookie"], "Accept-Encoding": "identity"}
        self.bounds = [datetime.fromisoformat(asked[name]) for name in ("start", "end")]

    def key(self) -> int:
        return random.randint(1, self.asked["keys"])

    def address(self, key: int | None) -> str:
        words = {name: self.asked[name] for name in ("start", "end", "points")}
        keys = {} if key is None else {"key.sensor_id": key}
        return f"{self.asked['prefix']}/api/v1/series?" + urlencode(
            {"table": "readings", **words, **keys}
        )

    def direct(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.asked["port"], timeout=60)

    def proxy(self) -> HTTPConnection:
        """Through the proxy, over TLS, by the name that the stack is served under."""
        host, port, name = self.asked["proxy"]
        context = ssl.create_default_context(cafile=self.asked["ca"])
        context.check_hostname = False
        connection = HTTPSConnection(host, port, timeout=60, context=context)
        self.headers["Host"] = name
        return connection

    def get(self, connection: HTTPConnection, key: int | None, **headers: str) -> bytes:
        connection.request("GET", self.address(key), headers={**self.headers, **headers})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (answer.status, body[:500])
        return body

    def read(self, session: Session, key: int | None) -> list:
        keys = {} if key is None else {"sensor_id": key}
        return query(session, "readings", keys, *self.bounds, self.asked["points"])

    def latency(self, times: int, *, all_keys: bool) -> dict[str, Any]:
        """Milliseconds of the endpoint and of the statements that it runs, in turns."""
        found: dict[str, Any] = {"endpoint": [], "sql": []}
        with Session(self.engine) as session, closing(self.direct()) as connection:
            for number in range(times + 5):
                key = None if all_keys else self.key()
                with statements(self.engine) as run:
                    self.read(session, key)
                bare = session.connection()
                sql = timed(
                    lambda run=run, bare=bare: [bare.exec_driver_sql(*each) for each in run]
                )
                endpoint = timed(lambda key=key: self.get(connection, key))
                if number >= 5:
                    found["sql"].append(sql)
                    found["endpoint"].append(endpoint)
            body = self.get(connection, key)
            [series] = json.loads(body)["series"]
            found["points"], found["bytes"] = len(series["mean"]), len(body)
            small = self.get(connection, key, **{"Accept-Encoding": "zstd"})
            found["compressed"] = len(small)
        return found

    def rate(self, connect: Callable[[], HTTPConnection], count: int) -> float:
        """Requests a second of some clients, each over one connection that is open already."""

        def client(connection: HTTPConnection) -> None:
            for _ in range(count // CLIENTS):
                self.get(connection, self.key(), **BROWSERS)

        with ThreadPoolExecutor(CLIENTS) as clients, ExitStack() as opened:
            connections = [opened.enter_context(closing(connect())) for _ in range(CLIENTS)]
            for each in connections:
                self.get(each, self.key(), **BROWSERS)
            begin = time.perf_counter()
            for done in [clients.submit(client, each) for each in connections]:
                done.result()
            return count / (time.perf_counter() - begin)

    def encoding(self) -> dict[str, float]:
        """Milliseconds to make JSON of the arrays of one answer."""
        with Session(self.engine) as session:
            found = self.read(session, self.key())
        [one] = found

        def plain() -> str:
            time = one.time.astype("datetime64[ms]").astype(int).tolist()
            arrays = {name: getattr(one, name).tolist() for name in SHOWN}
            return json.dumps({"series": [{"time": time, **arrays}]})

        ways = {"encode.points": lambda: encode.points(found, ["sensor_id"]), "json": plain}
        return {name: min(timed(way) for _ in range(50)) for name, way in ways.items()}


@contextmanager
def statements(engine: Engine) -> Iterator[list[tuple]]:
    """Gather what is executed in the block, with its parameters."""
    found: list[tuple] = []

    def note(connection, cursor, statement, parameters, context, many) -> None:
        found.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def timed(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1000


def main() -> None:
    asked = json.loads(sys.argv[1])
    bench = Bench(asked, db.init(Settings.load(needs=WEB_SECRETS)))
    found: dict[str, Any] = {
        "one": bench.latency(asked["times"], all_keys=False),
        "all": bench.latency(asked["times"], all_keys=True),
        "encoding": bench.encoding(),
        "direct": [],
        "proxy": [],
    }
    for _ in range(asked["rounds"]):
        found["direct"].append(bench.rate(bench.direct, asked["requests"]))
        if asked.get("proxy"):
            found["proxy"].append(bench.rate(bench.proxy, asked["requests"]))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
