"""The manifest of the upstream platform: fetched by a job, kept in Redis, read there by the web.

The platform has a version, at ``/api/manifest`` with an ``ETag``, and a document of titles with its
SHA-256. A version is one hash in Redis: the document, what was built from it, its version and the
ETag beside them, so that who reads them together has them of one version, and a Redis that was
wiped gets everything again. A new one is staged under a key of its own and then renamed to
CURRENT in the transaction that renames the old one to PREVIOUS. Until then a failure changes
nothing, and what it leaves expires.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, TypeVar
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, FailFast, Field, StringConstraints, ValidationError
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError

from timestack import cache
from timestack.domains.platform import http
from timestack.progress import Progress, pausing
from timestack.validation import sentences, summary

PATH = "/api/manifest"
# Seconds for one request, and for all tries of it; bytes of the two answers. Redis holds three
# documents while one is replaced.
DEADLINE = 20.0
WITHIN = 60.0
LONGEST_POINTER = 64 * 1024
LONGEST_DOCUMENT = 8 * 1024 * 1024

CURRENT, PREVIOUS, STAGED = "manifest:current", "manifest:previous", "manifest:staged"
# When the platform last said which version it has, in seconds since 1970 by the clock of Redis.
CHECKED = "manifest:checked"
# What an interrupted refresh has staged is forgotten after this time.
STAGED_FOR = timedelta(minutes=10)

Answer = TypeVar("Answer", bound=BaseModel)
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
Count = Annotated[int, Field(ge=0)]


class ManifestError(Exception):
    """The manifest is as it was; str() is one sentence that says why."""


class _Answer(BaseModel):
    # Strict: "12" is not a number. Unknown fields are ignored.
    model_config = ConfigDict(strict=True)


class _Pointer(_Answer):
    version: Version
    url: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,500}$")]
    sha256: Digest


class _Title(_Answer):
    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")]
    # No control characters, which pages and logs would show.
    title: Annotated[str, StringConstraints(pattern=r"^\P{C}+$", max_length=200)]
    kind: Name
    language: Name
    seconds: Annotated[int, Field(ge=0, le=10**7)]
    edition: Annotated[int, Field(ge=1, le=10**9)]


class _Document(_Answer):
    version: Version
    titles: Annotated[list[_Title], FailFast()]


class Built(BaseModel):
    """What is read of a version: its name, its hash, and how many titles it has, by what."""

    version: Version
    sha256: Digest
    titles: Count
    kinds: dict[Name, Count]
    languages: dict[Name, Count]


class _Kept(BaseModel):
    """What is beside a document in Redis; ``loaded_at`` in seconds since 1970 by its clock."""

    built: Built
    etag: str | None
    loaded_at: int


@dataclass(frozen=True)
class Manifest:
    """The current version; times are UTC and ages by the clock of Redis.

    ``loaded_at`` is when it became the current one, ``checked_at`` when the platform last confirmed
    it, and ``previous`` the version before it, which is kept.
    """

    built: Built
    loaded_at: datetime
    checked_at: datetime | None
    age: timedelta
    previous: str | None


class Absent(StrEnum):
    """Why there is no manifest to read, as a sentence."""

    NEVER = "No manifest has been loaded yet."
    AWAY = "The manifest cannot be read, since Redis does not answer at the moment."


def current() -> Manifest | Absent:
    """Return the current version, or why there is none to read. Waits as long as ``cache`` does."""
    try:
        with cache.redis() as redis, redis.pipeline() as pipe:
            pipe.hget(CURRENT, "kept").hget(PREVIOUS, "kept").get(CHECKED).time()
            found, before, checked, (now, _) = pipe.execute()
    except cache.CacheError:
        return Absent.AWAY
    kept, previous = _kept(found), _kept(before)
    if kept is None:
        return Absent.NEVER
    return Manifest(
        built=kept.built,
        loaded_at=datetime.fromtimestamp(kept.loaded_at, UTC),
        checked_at=datetime.fromtimestamp(int(checked), UTC) if checked else None,
        age=timedelta(seconds=max(now - kept.loaded_at, 0)),
        previous=previous.built.version if previous else None,
    )


def document() -> tuple[Built, bytes] | Absent:
    """Return the current document as the platform sent it, JSON, with what was built from it."""
    try:
        with cache.redis() as redis:
            found, text = redis.hmget(CURRENT, ["kept", "document"])
    except cache.CacheError:
        return Absent.AWAY
    kept = _kept(found)
    return (kept.built, text) if kept and text else Absent.NEVER


def refresh(base_url: str, progress: Progress) -> dict:
    """Ask the platform at ``base_url`` for its version, and bring the manifest to it.

    Returns ``{"changed", "version", "titles", "previous"}``; ``previous`` is the version before.

    Raises ManifestError, and then the manifest is as it was.
    """
    base_url = base_url.rstrip("/")
    try:
        with cache.redis() as redis:
            whole = redis.hexists(CURRENT, "document")
            known = _kept(redis.hget(CURRENT, "kept")) if whole else None
        progress(0, "asking for the version")
        etag = known.etag if known else None
        answer = _ask(base_url + PATH, LONGEST_POINTER, progress, etag)
        if answer is not None:
            pointer = _parse(_Pointer, answer.body, PATH)
            if known is None or not _is(known.built, pointer):
                _take_in(_address(base_url, pointer), pointer, answer.etag, progress)
        with cache.redis() as redis:
            redis.set(CHECKED, redis.time()[0])
    except cache.CacheError as error:
        raise ManifestError(str(error)) from None
    found = current()
    if isinstance(found, Absent):
        raise ManifestError(f"it is gone as soon as it was loaded: {found}")
    return {
        "changed": known is None or not _is(known.built, found.built),
        "version": found.built.version,
        "titles": found.built.titles,
        "previous": found.previous,
    }


def _take_in(url: str, pointer: _Pointer, etag: str | None, progress: Progress) -> None:
    where = urlsplit(url).path
    progress(0.2, f"downloading version {pointer.version}")
    answer = _ask(url, LONGEST_DOCUMENT, progress)
    with cache.redis() as redis, _staging(redis) as key:
        with redis.pipeline() as pipe:
            pipe.hset(key, "document", answer.body).expire(key, STAGED_FOR).execute()
        progress(0.6, f"verifying version {pointer.version}")
        # What is verified and built from is what Redis holds.
        text = redis.hget(key, "document") or b""
        found = sha256(text).hexdigest()
        if found != pointer.sha256:
            expected = f"{PATH} says {pointer.sha256[:12]}…"
            raise ManifestError(f"{where}: the document's SHA-256 is {found[:12]}…, {expected}")
        built = _build(text, pointer, where)
        progress(0.8, f"putting version {pointer.version} in place")
        kept = _Kept(built=built, etag=etag, loaded_at=redis.time()[0])
        redis.hset(key, "kept", kept.model_dump_json())
        _swap(redis, key, built)


def _build(text: bytes, pointer: _Pointer, where: str) -> Built:
    """Return what is read of a document; raise ManifestError when it is not one of ``pointer``."""
    document = _parse(_Document, text, where)
    if document.version != pointer.version:
        raise ManifestError(f"{where}: the document's version is not {pointer.version}")
    twice = [id for id, n in Counter(each.id for each in document.titles).items() if n > 1]
    if twice:
        raise ManifestError(f"{where}: the id {twice[0]} is that of more than one title")
    return Built(
        version=pointer.version,
        sha256=pointer.sha256,
        titles=len(document.titles),
        kinds=dict(sorted(Counter(each.kind for each in document.titles).items())),
        languages=dict(sorted(Counter(each.language for each in document.titles).items())),
    )


@contextmanager
def _staging(redis: Redis) -> Iterator[str]:
    """Give a key that nobody else has; what is left under it is deleted at the end."""
    key = f"{STAGED}:{uuid4()}"
    try:
        yield key
    finally:
        # It would expire as well.
        with suppress(RedisError):
            redis.delete(key)


def _swap(redis: Redis, staged: str, built: Built) -> None:
    """Make what is staged the current version, and the current one the previous, in one step."""

    def swap(pipe: Pipeline) -> None:
        before = _kept(pipe.hget(CURRENT, "kept"))
        pipe.multi()
        # Another refresh may have been faster: the previous version is then another one.
        if before and not _is(before.built, built):
            pipe.rename(CURRENT, PREVIOUS)
        pipe.rename(staged, CURRENT)
        pipe.persist(CURRENT)

    # Begins again when another refresh has changed CURRENT in between.
    redis.transaction(swap, CURRENT)


def _is(one: Built | _Pointer, other: Built | _Pointer) -> bool:
    return (one.version, one.sha256) == (other.version, other.sha256)


def _kept(text: bytes | None) -> _Kept | None:
    """Return what is beside a document; None without it, or when another release wrote it."""
    try:
        return _Kept.model_validate_json(text) if text else None
    except ValidationError:
        return None


def _address(base_url: str, pointer: _Pointer) -> str:
    """Return where the document is: on the platform's own host, or ManifestError is raised."""
    try:
        url = urljoin(base_url + PATH, pointer.url)
        here, there = urlsplit(base_url), urlsplit(url)
        same = (here.scheme, here.netloc) == (there.scheme, there.netloc)
    except ValueError:
        same = False
    if not same:
        raise ManifestError(f"{PATH}: the document is on another host, which is not asked")
    return url


def _ask(url: str, longest: int, progress: Progress, etag: str | None = None) -> http.Answer | None:
    where = urlsplit(url)
    limits = {"within": WITHIN, "deadline": DEADLINE, "longest": longest}
    try:
        return http.fetch(url, **limits, etag=etag, pause=pausing(progress))
    except http.SilentError as error:
        # With the host, since that may be wrong.
        raise ManifestError(f"{where.path}: {error}; is {where.netloc} the platform?") from None
    except http.UpstreamError as error:
        raise ManifestError(f"{where.path}: {error}") from None


def _parse(model: type[Answer], text: bytes, where: str) -> Answer:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise ManifestError(f"{where}: {summary(sentences(error, 'the answer'))}") from None
