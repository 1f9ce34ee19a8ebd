"""Requests to other servers over HTTP, bounded in time and in size.

One kind of answer is accepted: status 200, plain JSON by its content type, complete within a total
deadline and no longer than allowed. The caller judges the JSON's content.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import httpx


class UpstreamError(Exception):
    """No usable answer came; str() says why, for the log.

    It holds no text that the server sent, which might repeat a secret of the question.
    """


class SilentError(UpstreamError):
    """The server cannot be reached, or did not answer in time."""


class StatusError(UpstreamError):
    """The answer has another ``status`` than 200."""

    def __init__(self, status: int):
        self.status = status
        super().__init__(f"the answer's status is {status} instead of 200")


def ask(
    url: str,
    *,
    deadline: float,
    longest: int,
    body: bytes | None = None,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    verify: ssl.SSLContext | bool = True,
) -> bytes:
    """Return the JSON that ``url`` answers with, not parsed, at most ``longest`` bytes.

    A GET, or a POST of ``body``, which is JSON. ``deadline`` is in seconds and holds for everything
    together: name, connection, TLS, and an answer that arrives byte by byte. ``verify`` is as in
    httpx. Redirects are not followed, and proxies and credentials of the environment not used, so
    that what is sent goes nowhere but to ``url``.

    Raises UpstreamError.
    """
    try:
        return _within(_ask(url, body, params, headers, deadline, longest, verify))
    except (TimeoutError, httpx.TimeoutException):
        raise SilentError(f"no complete answer within {deadline:g} s") from None
    except httpx.ConnectError as error:
        # Nothing had been sent, so the text can only be the system's or the TLS library's.
        raise SilentError(f"no connection: {error}") from None
    # anyio raises a group for a port that is not valid.
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ExceptionGroup) as error:
        raise UpstreamError(f"asking failed with {type(error).__name__}") from None


async def _ask(
    url: str,
    body: bytes | None,
    params: Mapping[str, str] | None,
    headers: Mapping[str, str] | None,
    deadline: float,
    longest: int,
    verify: ssl.SSLContext | bool,
) -> bytes:
    sent = {
        **(headers or {}),
        "Accept": "application/json",
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
            verify=verify, timeout=timeout, follow_redirects=False, trust_env=False
        ) as client,
        client.stream(method, url, content=body, params=params, headers=sent) as answer,
    ):
        if answer.status_code != 200:
            raise StatusError(answer.status_code)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json" or "Content-Encoding" in answer.headers:
            raise UpstreamError("the answer is not plain application/json")
        taken = bytearray()
        async for chunk in answer.aiter_raw():
            taken += chunk
            if len(taken) > longest:
                raise UpstreamError(f"the answer is longer than {longest} bytes")
        return bytes(taken)


def _within(asking: Coroutine[None, None, bytes]) -> bytes:
    # A thread of its own: the caller's may already run an event loop, and two cannot nest.
    with ThreadPoolExecutor(1, "upstream") as pool:
        return pool.submit(copy_context().run, _run, asking).result()


def _run(asking: Coroutine[None, None, bytes]) -> bytes:
    # Not asyncio.run(), which at its end waits for a name look-up that is past the deadline.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(asking)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
