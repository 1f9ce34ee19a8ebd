"""Requests to other servers over HTTP, bounded in time and in size.

One kind of answer is accepted: status 200, of the content type that was asked for, which is JSON
unless another is, not compressed, complete within a total deadline and no longer than allowed. The
caller judges the content. ``ask`` tries once,
``fetch`` again where that may help.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache

import httpx

# Too many requests, and what a server says that will soon be better.
PASSING = (429, 500, 502, 503, 504)
# How often `fetch` tries where no answer says when to come again, and the seconds before its second
# try, doubled before each further one.
TRIES = 4
PAUSE = 0.5
# Seconds between two tries whatever an answer says, and without which no try is begun.
SHORTEST_PAUSE = 0.1
SHORTEST_TRY = 1.0
# Seconds between two looks at whether an answer is still wanted.
LOOK = 0.5
JSON = ("application/json",)
# RFC 9110, 8.8.3; a longer one is not worth keeping.
ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e]{1,200}"')


class UpstreamError(Exception):
    """No usable answer came; str() says why, for the log.

    It holds no text that the server sent, which might repeat a secret of the question. ``passing``
    says whether another try may help, and ``retry_after`` in how many seconds the server wants it.
    """

    passing = False
    retry_after: float | None = None


class SilentError(UpstreamError):
    """The server cannot be reached, or did not answer in time."""

    passing = True


class BrokenError(UpstreamError):
    """The answer broke off."""

    passing = True


class MediaTypeError(UpstreamError):
    """The answer is of another type than was asked for; ``is_page`` says that it is HTML."""

    def __init__(self, wanted: str, given: str):
        self.is_page = given in ("text/html", "application/xhtml+xml")
        super().__init__(f"the answer is not plain {wanted}")


class StatusError(UpstreamError):
    """The answer has another ``status`` than 200."""

    def __init__(self, status: int, message: str = "", retry_after: float | None = None):
        self.status = status
        self.passing = status in PASSING
        self.retry_after = retry_after
        super().__init__(message or f"the answer's status is {status} instead of 200")


@dataclass(frozen=True)
class Answer:
    """What came, not parsed, and the ``ETag`` that it came with."""

    body: bytes
    etag: str | None


def fetch(
    url: str,
    *,
    within: float,
    deadline: float,
    longest: int,
    etag: str | None = None,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    types: Sequence[str] = JSON,
    pause: Callable[[float], object] = time.sleep,
    meanwhile: Callable[[], object] = lambda: None,
) -> Answer | None:
    """Return the answer of ``ask`` to a GET; None when the server says that ``etag`` is still it.

    Tries again after silence, a broken connection and the statuses of PASSING: as the server says
    by ``Retry-After``, else after a pause that doubles, TRIES in all. ``within`` is in seconds and
    holds for all tries and pauses together; ``deadline`` for one. ``pause`` is called with the
    seconds to wait.

    Raises UpstreamError: that of the last try.
    """
    end = time.monotonic() + within
    sent = {**(headers or {}), **({"If-None-Match": etag} if etag else {})}
    tries = 0
    while True:
        left = max(end - time.monotonic(), SHORTEST_TRY)
        try:
            return ask(
                url,
                deadline=min(deadline, left),
                longest=longest,
                params=params,
                headers=sent,
                types=types,
                meanwhile=meanwhile,
            )
        except UpstreamError as error:
            if etag and isinstance(error, StatusError) and error.status == 304:
                return None
            if not error.passing:
                raise
            left, wait = end - time.monotonic(), error.retry_after
            if wait is None:
                tries += 1
                wait = PAUSE * 2 ** (tries - 1)
            elif wait + SHORTEST_TRY > left:
                asked = f"it asks to wait {wait:.0f} s, and {max(left, 0):.0f} s are left"
                raise UpstreamError(f"{error}; {asked}") from None
            if tries == TRIES or wait + SHORTEST_TRY > left:
                raise
        pause(max(wait, SHORTEST_PAUSE))


def ask(
    url: str,
    *,
    deadline: float,
    longest: int,
    body: bytes | None = None,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    types: Sequence[str] = JSON,
    verify: ssl.SSLContext | bool = True,
    meanwhile: Callable[[], object] = lambda: None,
) -> Answer:
    """Return what ``url`` answers with, at most ``longest`` bytes.

    A GET, or a POST of ``body``, which is JSON. ``deadline`` is in seconds and holds for everything
    together: name, connection, TLS, and an answer that arrives byte by byte. ``types`` are the
    content types that will do. ``verify`` is as in httpx. Redirects are not followed, and proxies
    and credentials of the environment not used, so that what is sent goes nowhere but to ``url``.
    ``meanwhile`` is called while the answer is waited for; where it raises, it is given up.

    Raises UpstreamError, and what ``meanwhile`` raises.
    """
    try:
        return _within(
            _ask(url, body, params, headers, types, deadline, longest, verify), meanwhile
        )
    except (TimeoutError, httpx.TimeoutException):
        raise SilentError(f"no complete answer within {deadline:.3g} s") from None
    except httpx.ConnectError as error:
        # Nothing had been sent, so the text can only be the system's or the TLS library's.
        raise SilentError(f"no connection: {error}") from None
    except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
        raise BrokenError("the answer breaks off, or is not HTTP") from None
    # anyio raises a group for a port that is not valid.
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ExceptionGroup) as error:
        raise UpstreamError(f"asking failed with {type(error).__name__}") from None


async def _ask(
    url: str,
    body: bytes | None,
    params: Mapping[str, str] | None,
    headers: Mapping[str, str] | None,
    types: Sequence[str],
    deadline: float,
    longest: int,
    verify: ssl.SSLContext | bool,
) -> Answer:
    sent = {
        **(headers or {}),
        "Accept": ", ".join(types),
        # A compressed body would have to be unpacked before its size is known.
        "Accept-Encoding": "identity",
    }
    if body is not None:
        sent["Content-Type"] = "application/json"
    method = "GET" if body is None else "POST"
    # Connecting and the TLS handshake have less than half each: a handshake that is cancelled from
    # outside leaves its socket open, one that httpx ends does not.
    timeout = httpx.Timeout(deadline, connect=0.45 * deadline)
    async with (
        asyncio.timeout(deadline),
        httpx.AsyncClient(
            verify=_authorities() if verify is True else verify,
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
        ) as client,
        client.stream(method, url, content=body, params=params, headers=sent) as answer,
    ):
        if answer.status_code != 200:
            raise _status(answer)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind not in types or "Content-Encoding" in answer.headers:
            raise MediaTypeError(types[0], kind)
        taken = bytearray()
        async for chunk in answer.aiter_raw():
            taken += chunk
            if len(taken) > longest:
                raise UpstreamError(f"the answer is longer than {longest} bytes")
        etag = answer.headers.get("ETag", "")
        return Answer(bytes(taken), etag if ETAG.fullmatch(etag) else None)


@cache
def _authorities() -> ssl.SSLContext:
    # Reading them takes longer than many an answer.
    return httpx.create_ssl_context(trust_env=False)


def _status(answer: httpx.Response) -> StatusError:
    status = answer.status_code
    if not answer.has_redirect_location:
        return StatusError(status, retry_after=_retry_after(answer.headers))
    try:
        elsewhere = answer.url.join(answer.headers["Location"]).host != answer.url.host
    except (httpx.InvalidURL, ValueError):
        elsewhere = True
    where = "another host" if elsewhere else "another path"
    return StatusError(
        status, f"the answer's status is {status}, a redirect to {where}, and none is followed"
    )


def _retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds that an answer asks to wait; None where it does not say."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        # By the server's own clock, which may be another than ours.
        now = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _within(asking: Coroutine[None, None, Answer], meanwhile: Callable[[], object]) -> Answer:
    # A thread of its own: the caller's may already run an event loop, and two cannot nest.
    pool = ThreadPoolExecutor(1, "upstream")
    try:
        answer = pool.submit(copy_context().run, _run, asking)
        while not wait([answer], LOOK).done:
            meanwhile()
        return answer.result()
    finally:
        # One that is given up ends by its deadline.
        pool.shutdown(wait=False)


def _run(asking: Coroutine[None, None, Answer]) -> Answer:
    # Not asyncio.run(), which at its end waits for a name look-up that is past the deadline.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(asking)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
