"""Usage and companies from the upstream media platform: fetched, checked, upserted.

No answer is trusted: it is read under a deadline and a limit of size, and each row must be of the
account and the days that were asked for. What an account's answers hold is written in one
transaction that acts for it, or not at all; asking again for the same days is harmless.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, FailFast, Field, StringConstraints, ValidationError
from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert

from timestack import db
from timestack.domains import finance
from timestack.domains.platform import http
from timestack.models.usage import Usage
from timestack.progress import Progress, pausing
from timestack.validation import sentences, summary

log = logging.getLogger(__name__)

# Seconds for one request, and for all tries of it, the waits that the platform asks for among them;
# bytes of one answer: some 25,000 rows.
DEADLINE = 30.0
WITHIN = 120.0
LONGEST_ANSWER = 8 * 1024 * 1024
# Rows of one window, over all of its pages: 550 projects have fewer.
MOST_ROWS = 50_000
# How many days one request asks for.
WINDOW = timedelta(days=90)
# Known days that are asked for again, since a platform corrects its figures.
OVERLAP = timedelta(days=3)
# How many days are caught up at most, and asked for of an account that has none yet.
MOST_DAYS = timedelta(days=180)

Answer = TypeVar("Answer", bound=BaseModel)
# Of a path, and of parameters and the words for a message: `_ask` of one platform.
Ask = Callable[..., bytes]
Account = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")]
# No control characters, which pages and logs would show; PostgreSQL takes no NUL.
Project = Annotated[str, StringConstraints(pattern=r"^\P{C}+$", max_length=200)]
# More in one day is a mistake in the unit: thirty years of media, and an exabyte.
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Megabytes = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]


class IngestError(Exception):
    """Nothing was written of what was asked for; str() is one sentence, without any secret."""


class _Answer(BaseModel):
    # Strict: "12" is not a number and 1 not a truth value. Unknown fields are ignored.
    model_config = ConfigDict(strict=True)


class _Row(_Answer):
    account: Account
    project: Project
    day: date
    ingested_seconds: Seconds
    transcribed_seconds: Seconds
    subtitled_seconds: Seconds
    translated_seconds: Seconds
    items: Annotated[int, Field(ge=0, le=2**31 - 1)]
    storage_video_mb: Megabytes
    storage_audio_mb: Megabytes
    storage_image_mb: Megabytes
    storage_text_mb: Megabytes
    storage_other_mb: Megabytes
    deleted: bool


class _Usage(_Answer):
    account: Account
    # What `cursor` must be for the next page; none on the last one.
    next: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,500}$")] | None = None
    # The first faulty row is enough: millions of empty ones would bring ten faults each.
    rows: Annotated[list[_Row], FailFast()]


class _Account(_Answer):
    id: Account


class _Accounts(_Answer):
    accounts: Annotated[list[_Account], FailFast()]


PATH = "/api/usage"
REFUSED = (
    "the platform does not accept the token (status 401), or no longer: write a valid one to"
    " platform_password under SECRETS_PATH and run `make up`"
)
KEY = ("account", "project", "day")
VALUES = tuple(name for name in _Row.model_fields if name not in KEY)


def usage(
    base_url: str, token: str, *, days: int | None = None, last: date, progress: Progress
) -> dict:
    """Take in the usage of every account up to ``last``, a UTC date, included.

    Each account is caught up by itself: from OVERLAP before the last day that it has, MOST_DAYS in
    all at most, which are also what an account without any gets. ``days`` asks for so many at
    least, of accounts without any for so many alone. ``token`` is the service's, which sees all
    accounts. ``progress`` is called with a fraction and a sentence.

    Returns ``{"last", "accounts": {id: rows}, "failures": {id: sentence}}``: an account that fails
    keeps the rows it had, and the others get theirs.

    Raises IngestError when there is no list of accounts or none of them could be taken in.
    """
    done: dict[str, int] = {}
    failures: dict[str, str] = {}
    ask = partial(_ask, base_url, token, pausing(progress))
    accounts = _accounts(ask)
    for number, account in enumerate(accounts):
        progress(number / len(accounts), f"asking for the usage of {account}")
        try:
            with db.acting_for(account):
                rows = list(_rows(ask, account, _first_day(last, days), last))
                _upsert(rows)
            done[account] = len(rows)
        except IngestError as error:
            log.warning("no usage of %s: %s", account, error)
            failures[account] = str(error)
    if failures and not done:
        reasons = "; ".join(f"{account}: {why}" for account, why in failures.items())
        raise IngestError(f"no account's usage could be taken in: {reasons}")
    return {"last": last.isoformat(), "accounts": done, "failures": failures}


def companies(base_url: str) -> dict:
    """Take in every company with its finances; return how many ``companies`` and ``years``.

    Raises IngestError, and then nothing was written.
    """
    path = "/api/companies"
    text = _ask(base_url, None, time.sleep, path)
    try:
        with db.session() as session:
            number, years = finance.load(session, text.decode())
    except UnicodeDecodeError as error:
        raise IngestError(f"{path}: byte {error.start} of the answer is not UTF-8") from None
    except RecursionError:
        raise IngestError(f"{path}: the answer is nested too deeply") from None
    except finance.DocumentError as error:
        raise IngestError(f"{path}: {summary(error.faults)}") from None
    return {"companies": number, "years": years}


def windows(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Yield the days from ``first`` to ``last`` in pieces of WINDOW; both ends are included."""
    while first <= last:
        end = min(first + WINDOW - timedelta(days=1), last)
        yield first, end
        first = end + timedelta(days=1)


def _accounts(ask: Ask) -> list[str]:
    path = "/api/accounts"
    answer = _parse(_Accounts, ask(path), path)
    # An account that is listed twice is still one.
    return list(dict.fromkeys(account.id for account in answer.accounts))


def _first_day(last: date, days: int | None) -> date:
    """Return the first day to ask for, of the account of the transaction."""
    farthest = last - MOST_DAYS + timedelta(days=1)
    wanted = last - timedelta(days=days - 1) if days else farthest
    with db.session() as session:
        # A day that has not come would hide all that are missing.
        known = session.scalar(select(func.max(Usage.day)).where(Usage.day <= last))
    if known is None:
        return wanted
    missed = max(known - OVERLAP, farthest)
    # Not only the days that are asked for: the newest of them would hide what is missing before.
    return min(missed, wanted) if days else missed


def _rows(ask: Ask, account: str, first: date, last: date) -> Iterator[dict]:
    """Yield the rows of all windows under the names of the table's columns."""
    for start, end in windows(first, last):
        where = f"{PATH} from {start} to {end}"
        days = {"from": start.isoformat(), "to": end.isoformat()}
        rows = _window(ask, {"account": account, **days}, where)
        faults = list(_mismatches(rows, account, start, end))
        if faults:
            raise IngestError(f"{where}: {summary(faults)}")
        yield from (row.model_dump() for row in rows)


def _window(ask: Ask, question: dict[str, str], where: str) -> list[_Row]:
    """Return the rows of all pages."""
    rows: list[_Row] = []
    asked: set[str] = set()
    cursor: dict[str, str] = {}
    while True:
        page = _parse(_Usage, ask(PATH, question | cursor, where), where)
        if page.account != question["account"]:
            raise IngestError(f"{where}: account: not the one asked for")
        rows += page.rows
        if page.next is None:
            return rows
        if page.next in asked or not page.rows or len(rows) > MOST_ROWS:
            raise IngestError(f"{where}: after {len(rows)} rows its pages come to no end")
        asked.add(page.next)
        cursor = {"cursor": page.next}


def _mismatches(rows: list[_Row], account: str, first: date, last: date) -> Iterator[str]:
    """Yield what is wrong with the rows of a window, which are counted over its pages."""
    seen: dict[tuple[str, date], int] = {}
    for number, row in enumerate(rows):
        if row.account != account:
            yield f"rows.{number}.account: not the one asked for"
        if not first <= row.day <= last:
            yield f"rows.{number}.day: {row.day} was not asked for"
        before = seen.setdefault((row.project, row.day), number)
        if before != number:
            yield f"rows.{number}: project and day are those of rows.{before}"


def _upsert(rows: list[dict]) -> None:
    """Write rows in one transaction, which acts for their account: the database sees to that."""
    if not rows:
        return
    add = insert(Usage)
    add = add.on_conflict_do_update(
        index_elements=KEY,
        set_={name: add.excluded[name] for name in VALUES},
        # What is equal is not written at all.
        where=or_(*(getattr(Usage, name).is_distinct_from(add.excluded[name]) for name in VALUES)),
    )
    with db.session() as session:
        # Many rows in each statement; COPY is not possible under row-level security.
        session.execute(add, rows)


def _ask(
    base_url: str,
    token: str | None,
    pause: Callable[[float], object],
    path: str,
    params: dict[str, str] | None = None,
    where: str | None = None,
) -> bytes:
    try:
        answer = http.fetch(
            base_url.rstrip("/") + path,
            within=WITHIN,
            deadline=DEADLINE,
            longest=LONGEST_ANSWER,
            params=params,
            headers={"Authorization": f"Bearer {token}"} if token else None,
            pause=pause,
        )
    except http.SilentError as error:
        # With the host, since that may be wrong; never with a query.
        host = urlsplit(base_url).netloc
        raise IngestError(f"{where or path}: {error}; is {host} the platform?") from None
    except http.UpstreamError as error:
        refused = token and isinstance(error, http.StatusError) and error.status == 401
        raise IngestError(f"{where or path}: {REFUSED if refused else error}") from None
    return answer.body


def _parse(model: type[Answer], text: bytes, where: str) -> Answer:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        faults = sentences(error, "the answer")
        raise IngestError(f"{where}: {summary(faults)}") from None
