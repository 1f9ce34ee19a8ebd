"""A webhook that takes what Slack's does: a POST of ``{"text": …}``; Mattermost and Discord do too.

Its address is the secret. So neither an error nor a log repeats it, nor what the server answers.
"""

from __future__ import annotations

import asyncio
import re

import httpx

# Seconds for everything together: name, connection, TLS, answer.
DEADLINE = 15.0
# Too many requests, or what may soon be better.
PASSING = (408, 425, 429, 500, 502, 503, 504)
# A group that everybody in a channel belongs to; Discord and Mattermost call it by its name.
EVERYBODY = re.compile(r"@(?=(?:everyone|channel|here|all)\b)", re.IGNORECASE)
SEPARATOR = "\N{WORD JOINER}"


class WebhookError(Exception):
    """The message was not taken; str() says why.

    ``passing`` says whether another try may help, and ``retry_after`` in how many seconds the
    server wants it.
    """

    def __init__(self, why: str, *, passing: bool = False, retry_after: float | None = None):
        self.passing = passing
        self.retry_after = retry_after
        super().__init__(why)


def post(url: str, text: str) -> None:
    """Send a text, of which nothing is read as markup or calls anybody.

    Redirects are not followed. Raises WebhookError.
    """
    try:
        status, retry_after = asyncio.run(_post(url, {"text": quoted(text)}))
    except (TimeoutError, httpx.TimeoutException):
        raise WebhookError(f"no answer within {DEADLINE:g} s", passing=True) from None
    except httpx.ConnectError as error:
        # Nothing had been sent, so the text can only be the system's or the TLS library's.
        raise WebhookError(f"no connection: {error}", passing=True) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError, ExceptionGroup):
        # anyio raises a group for a port that is not valid.
        raise WebhookError("its address is not one") from None
    except (httpx.HTTPError, OSError) as error:
        raise WebhookError(f"asking failed with {type(error).__name__}", passing=True) from None
    if not 200 <= status < 300:
        passing = status in PASSING
        raise WebhookError(f"the answer is {status}", passing=passing, retry_after=retry_after)


def quoted(text: str) -> str:
    """Return a text as Slack's format writes it, with no name in it that calls everybody."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    return EVERYBODY.sub(f"@{SEPARATOR}", text)


async def _post(url: str, content: dict[str, str]) -> tuple[int, float | None]:
    """Return the answer's status and its Retry-After in seconds; its text is not read."""
    async with (
        asyncio.timeout(DEADLINE),
        httpx.AsyncClient(
            timeout=DEADLINE,
            follow_redirects=False,
            # A proxy of the environment sees of TLS the host alone; of the rest the whole address.
            trust_env=url.startswith("https:"),
        ) as client,
        client.stream("POST", url, json=content) as answer,
    ):
        after = answer.headers.get("Retry-After", "")
        # The other form, a date, is that of web pages; our own back-off does for it.
        return answer.status_code, float(after) if re.fullmatch(r"\d{1,6}(\.\d+)?", after) else None
