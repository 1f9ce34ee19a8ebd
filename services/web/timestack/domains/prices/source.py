"""Asking for the prices of a symbol where they are offered over HTTP.

The address is that of the setting PRICES_URL, with the symbol in place of ``{symbol}``.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import quote, urlsplit

from timestack.domains.platform import http
from timestack.progress import Progress, pausing

PLACE = "{symbol}"
# Seconds for one request, and for all tries of it; somebody waits for it. Bytes of an answer.
DEADLINE = 15.0
WITHIN = 45.0
LONGEST = 8 * 1024 * 1024
# What servers call CSV.
TYPES = (
    "text/csv",
    "application/csv",
    "text/comma-separated-values",
    "text/plain",
    "application/octet-stream",
    "application/vnd.ms-excel",
)


class SourceError(Exception):
    """No prices came; str() is one sentence, and ``passing`` says that they may come later."""

    def __init__(self, sentence: str, *, passing: bool = False):
        self.passing = passing
        super().__init__(sentence)


def fetch(template: str, symbol: str, progress: Progress) -> bytes:
    """Return what the source answers for a symbol, not read yet.

    ``progress`` is called meanwhile, and ends it where it raises. Raises SourceError.
    """
    host = urlsplit(template).netloc
    message = f"asking {host} for {symbol}"
    progress(0, message)
    try:
        answer = http.fetch(
            template.replace(PLACE, quote(symbol, safe="")),
            within=WITHIN,
            deadline=DEADLINE,
            longest=LONGEST,
            types=TYPES,
            pause=pausing(progress),
            meanwhile=partial(progress, 0, message),
        )
    except http.UpstreamError as error:
        raise SourceError(_sentence(host, symbol, error), passing=error.passing) from None
    return answer.body


def _sentence(host: str, symbol: str, error: http.UpstreamError) -> str:
    if isinstance(error, http.StatusError) and error.status in (404, 410):
        return f"{host} knows no {symbol} (status {error.status}): check the symbol"
    if isinstance(error, http.MediaTypeError) and error.is_page:
        return (
            f"{host} answers with a web page (HTML) instead of CSV: check PRICES_URL, and whether"
            " it asks for a log-in"
        )
    if isinstance(error, http.SilentError):
        return f"{host} does not answer: {error}"
    return f"{host} cannot be used: {error}"
