"""How requests reach the application: waitress reads them, gunicorn keeps the processes.

One loop per process reads all of its connections, and a request is given to one of WEB_THREADS
threads when its last byte has come. A client that is slow or silent, or a body that is not read,
therefore costs a buffer and never a thread, and the next request on a connection is found where
it begins.
"""

from __future__ import annotations

import io
import logging
import os
import select
import signal
import time
from contextlib import suppress
from threading import Lock

from gunicorn.workers.base import Worker as Process
from waitress import create_server, wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask, Task, ThreadedTaskDispatcher, WSGITask
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, TooManyRequests

from timestack import db, health, logs, serving
from timestack.app import LARGER_BODIES, LARGEST_BODY
from timestack.errors import largest_body
from timestack.metrics import exposition, requests

access = logging.getLogger(logs.ACCESS)

KIB, MIB = 1024, 1024 * 1024
# A body up to this size waits in memory, and a longer one in /tmp, which is memory too: 64 MiB of
# it for all processes, and one that retires lives beside its successor. What does not fit is
# thrown away as it comes, and its request is refused.
SMALL_BODY = 64 * KIB
ROOM = 28 * MIB
# The proxy lets 64 KiB of head pass and adds its own words; what is read of that is less and
# refused by timestack.errors, which answers the API with a problem document.
LONGEST_HEAD = 128 * KIB
# The longest body that the proxy lets pass.
LONGEST_STREAM = 33_000_000
# The proxy keeps as many open as it ever needed at the same time.
CONNECTIONS = 2000
# Seconds. Above the 90 of the proxy: the side that also sends the requests closes first, else one
# could be on its way while we close.
IDLE = 120
# Bytes of an answer that wait for the client before the next are made, and seconds without one
# taken after which a client is let go: it would keep a thread, and a connection to the database.
WAITING = MIB // 2
STALLED = 60
LOST_ROOM = "Too many large bodies are on their way at once."


class Room:
    """What is left in /tmp, in bytes."""

    def __init__(self, size: int):
        self._left = size
        self._lock = Lock()

    def take(self, size: int) -> bool:
        """Take so many bytes; False when they are not free."""
        with self._lock:
            fits = size <= self._left
            self._left -= size if fits else 0
        return fits

    def give_back(self, size: int) -> None:
        """Give bytes back."""
        with self._lock:
            self._left += size


class Nowhere:
    """A buffer that counts its bytes and drops them."""

    def __init__(self):
        self._length = 0

    def append(self, piece: bytes) -> None:
        """Count the bytes of one piece."""
        self._length += len(piece)

    def __len__(self) -> int:
        return self._length

    def close(self) -> None:
        """There is nothing to close."""


class Refused(io.RawIOBase):
    """The stream of a body that was not kept: reading it raises an error that says why."""

    def __init__(self, why: HTTPException):
        self._why = why

    def readable(self) -> bool:
        """Report that it can be read."""
        return True

    def readinto(self, _: object) -> int:
        """Raise the reason."""
        raise self._why


class Request(HTTPRequestParser):
    """A request as it arrives; its body is read to the end, and kept where there is room for it."""

    room = Room(ROOM)
    # Where larger bodies are taken: paths as they are sent, and what is below one with a slash.
    larger = LARGER_BODIES
    _kept = 0
    _refused: HTTPException | None = None

    def received(self, data: bytes) -> int:
        """Take a piece of the request; return how many bytes of it were this one's."""
        consumed = super().received(data)
        if self.body_rcv is not None and self._refused is None:
            self._refused = self._find_room()
            if self._refused is not None:
                self.close()
                self.body_rcv.buf = Nowhere()
        return consumed

    def _find_room(self) -> HTTPException | None:
        came = self.body_bytes_received
        largest = largest_body(self.larger, self.path) or LARGEST_BODY
        if max(self.content_length, came) > largest:
            return RequestEntityTooLarge(f"A body here has {largest // MIB} MiB at most.")
        if came > SMALL_BODY and came > self._kept:
            if not self.room.take(came - self._kept):
                return TooManyRequests(LOST_ROOM, retry_after=5)
            self._kept = came
        return None

    def get_body_stream(self) -> io.IOBase:
        """Return what the application reads."""
        return Refused(self._refused) if self._refused is not None else super().get_body_stream()

    def close(self) -> None:
        """Drop the body; may be called twice."""
        self.room.give_back(self._kept)
        self._kept = 0
        super().close()


class AccessLine(Task):
    """Writes one log line per answer."""

    def service(self) -> None:
        """Answer, and log it."""
        try:
            super().service()
        finally:
            facts = self._facts()
            # Probes every few seconds are worth a line only when they fail.
            probes = self.channel.server.task_dispatcher.probes
            dull = facts["status"] == 200 and facts["path"] in probes
            level = logging.DEBUG if dull else logging.INFO
            access.log(level, "%(method)s %(path)s %(status)s", facts)

    def _facts(self) -> dict:
        # A malformed address has no parts; the query may show what a person searched for.
        address = getattr(self.request, "request_uri", "-")
        method = getattr(self.request, "command", "-")
        length = self.content_bytes_written if self.content_length is None else self.content_length
        headers = dict(self.response_headers)
        return {
            "request_id": headers.get("X-Request-Id"),
            "method": method,
            "path": address.partition("?")[0],
            "status": int(self.status.split()[0]),
            "client": self.channel.addr[0],
            "bytes": 0 if method == "HEAD" else length,
            "duration": round(time.time() - self.start_time, 6),
        }

    def build_response_header(self) -> bytes:
        """Return status and headers; where process or container is about to end, they say so."""
        if not self.channel.server.accepting or serving.draining():
            self.set_close_on_finish()
        return super().build_response_header()


class Answer(AccessLine, WSGITask):
    """What the application answers."""

    def get_environment(self) -> dict:
        """Return the WSGI environment, with a function that knows whether the client is gone."""
        return super().get_environment() | {db.GONE: self.channel.gone}


class Refusal(AccessLine, ErrorTask):
    """The answer to a request that cannot be read."""


class Channel(HTTPChannel):
    """One connection."""

    parser_class = Request
    task_class = Answer
    error_task_class = Refusal

    def handle_close(self) -> None:
        """Close it; a body that came only in part is dropped."""
        if self.request is not None:
            self.request.close()
        super().handle_close()

    def gone(self) -> bool:
        """Whether the client has closed the connection, of which a busy thread hears nothing."""
        # A socket that was closed here has no number any more.
        with suppress(ValueError):
            poller = select.poll()
            poller.register(self.socket, select.POLLRDHUP)
            return bool(poller.poll(0))
        return True

    def stalled(self, now: float) -> bool:
        """Whether its client has taken nothing for long of what waits for it."""
        return bool(self.total_outbufs_len) and self.last_activity < now - STALLED

    def resting(self) -> bool:
        """Whether no request is being read or answered on it."""
        return not (self.requests or self.request or self.total_outbufs_len)


class Queue(ThreadedTaskDispatcher):
    """The requests that wait for one of the threads; those of the probes wait for no others.

    The proxy takes an instance whose liveness does not answer out of service: were it in line with
    everybody's requests, slow would become away.
    """

    def __init__(self, threads: int, prefix: str):
        super().__init__()
        self.taken = 0
        self.probes = {f"{prefix}{path}": ThreadedTaskDispatcher() for path in health.PROBES}
        self.set_thread_count(threads)
        for probe in self.probes.values():
            probe.set_thread_count(1)

    def add_task(self, channel: Channel) -> None:
        """Take the first request of a connection."""
        self.taken += 1
        probe = self.probes.get(getattr(channel.requests[0], "path", None))
        if probe:
            probe.add_task(channel)
        else:
            super().add_task(channel)


class Worker(Process):
    """A process of gunicorn's that serves by waitress.

    It retires after ``max_requests``, or on SIGHUP: another one is started first, then
    this one answers its requests, announces on each connection that it closes, and waits for the
    proxy to close idle ones, since closing one could meet a request on its way. SIGTERM ends it as
    soon as its requests are answered.
    """

    retiring = False
    next_look = 0.0

    def init_signals(self) -> None:
        """Listen to signals."""
        super().init_signals()
        signal.signal(signal.SIGHUP, self._retire)

    def run(self) -> None:
        """Serve until a signal stops it."""
        connections: dict[int, wasyncore.dispatcher] = {}
        prefix = self.wsgi.config["URL_PREFIX"]
        Request.room = Room(ROOM // self.cfg.workers)
        Request.larger = {f"{prefix}{path}": size for path, size in LARGER_BODIES.items()}
        queue = Queue(self.cfg.threads, prefix)
        public, *internal = (listener.sock for listener in self.sockets)
        server = create_server(
            self.wsgi,
            map=connections,
            _dispatcher=queue,
            sockets=[public],
            backlog=self.cfg.backlog,
            connection_limit=CONNECTIONS,
            channel_timeout=IDLE,
            max_request_header_size=LONGEST_HEAD,
            max_request_body_size=LONGEST_STREAM,
            inbuf_overflow=SMALL_BODY,
            outbuf_high_watermark=WAITING,
            # The proxy's headers about the client are read in one place, ProxyFix.
            clear_untrusted_proxy_headers=False,
            asyncore_use_poll=True,
            ident="",
        )
        server.channel_class = Channel
        servers = [server, *(self._metrics(each, connections) for each in internal)]
        while self.alive and not self.retiring and self.ppid == os.getppid():
            self._turn(server, connections)
            self.retiring = self.retiring or queue.taken >= self.max_requests
        if self.retiring:
            # See child_exit of gunicorn.conf.py, which takes it back.
            os.kill(self.ppid, signal.SIGTTIN)
        for each in servers:
            each.accepting = False
            each.del_channel(connections)
            each.socket.close()
        self._leave(server, connections)

    def _metrics(self, listener, connections: dict[int, wasyncore.dispatcher]):
        """A server of the metrics on a port of their own, whose one thread waits for no request."""
        thread = ThreadedTaskDispatcher()
        thread.set_thread_count(1)
        return create_server(
            exposition.application(self.wsgi.config["SETTINGS"]),
            map=connections,
            _dispatcher=thread,
            sockets=[listener],
            asyncore_use_poll=True,
            ident="",
        )

    def _turn(self, server, connections: dict[int, wasyncore.dispatcher]) -> None:
        self.notify()
        wasyncore.loop(timeout=1, use_poll=True, map=connections, count=1)
        now = time.time()
        if now >= self.next_look:
            self.next_look = now + 1
            requests.sample(self.wsgi.extensions["engine"], len(server.task_dispatcher.queue))
            for channel in list(server.active_channels.values()):
                if channel.stalled(now):
                    channel.handle_close()

    def _leave(self, server, connections: dict[int, wasyncore.dispatcher]) -> None:
        limit = time.monotonic() + IDLE
        while server.active_channels:
            self._turn(server, connections)
            if not self.alive or time.monotonic() > limit:
                for channel in list(server.active_channels.values()):
                    channel.will_close = channel.will_close or channel.resting()

    def _retire(self, *_: object) -> None:
        self.retiring = True
