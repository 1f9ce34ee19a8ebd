"""What a client sends over connections that it keeps: `python mixed_requests.py COUNT`.

It runs in a container on the proxy's network, so that its requests are counted under an address of
its own, at the rate that the proxy allows an address. It prints how far it is, after each tenth,
and at last how often each status, or error of the connection, ended a request.
"""

import http.client
import json
import ssl
import sys
import time
from collections import Counter
from itertools import count as numbers
from threading import Lock, Thread

PROXY, PORT = "traefik", 8443
CONNECTIONS = 8
# What the proxy allows an address: so many at once, then so many a second; a little less.
BURST, RATE = 900, 190
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# Of other people's requests, those that are refused with their bodies unread are the neighbours.
MIX = [
    ("GET", "/version", None, {}),
    ("POST", "/api/v1/jobs", b"x" * 100_000, JSON),
    ("GET", "/login", None, {}),
    ("POST", "/dash/_dash-update-component", b"x" * 300_000, JSON),
    ("GET", "/static/timestack.css", None, {}),
    ("POST", "/api/v1/jobs", b"x" * 70_000, JSON),
    ("HEAD", "/", None, {}),
    ("DELETE", "/login", b"x" * 20_000, JSON),
    ("POST", "/no-such-page", b"x" * 200_000, FORM),
    ("GET", "/dash/", None, {"Accept": "text/html"}),
    ("PUT", "/api/v1/jobs", b"x" * 2_200_000, JSON),
    ("POST", "/logout", b"x" * 100_000, FORM),
]


class Client:
    """Connections that take turns at one list of requests."""

    def __init__(self, count: int):
        self.count = count
        self.ended: Counter[str] = Counter()
        self._numbers, self._lock = numbers(), Lock()
        self._started = time.monotonic()

    def run(self) -> None:
        """Send requests until all are sent."""
        # The name that this network gives the proxy is in no certificate.
        context = ssl._create_unverified_context()  # noqa: S323
        line = http.client.HTTPSConnection(PROXY, PORT, context=context, timeout=60)
        while True:
            with self._lock:
                number = next(self._numbers)
            if number >= self.count:
                return
            # The pace of the proxy's own limit, which is not what is tried here.
            time.sleep(max(0, self._started + (number - BURST) / RATE - time.monotonic()))
            ended = send(line, *MIX[number * 7 % len(MIX)])
            with self._lock:
                self.ended[ended] += 1
                if sum(self.ended.values()) % (self.count // 10) == 0:
                    print(sum(self.ended.values()), flush=True)


def send(line: http.client.HTTPConnection, method: str, path: str, body, headers: dict) -> str:
    """The status that answered one request, or the name of the error in its place."""
    try:
        line.request(method, path, body, {"Host": "localhost", **headers})
        answer = line.getresponse()
        answer.read()
        return str(answer.status)
    except (OSError, http.client.HTTPException) as error:
        line.close()
        return type(error).__name__


def main(count: int) -> None:
    """Send so many requests and print how they ended."""
    client = Client(count)
    threads = [Thread(target=client.run) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(client.ended))


if __name__ == "__main__":
    main(int(sys.argv[1]))
