"""Uploads: a row says how much of a file is there, and its bytes are under its id in a folder.

Bytes are on the disk before the row counts them, so what it counts is there whatever breaks off;
what a part that broke off left behind it, the next part overwrites.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import Text, cast, delete, exists, func, select
from sqlalchemy.orm import Session, joinedload

from timestack import db
from timestack.models.jobs import UNFINISHED, Job
from timestack.models.uploads import Upload

MIB = 1024 * 1024
# What is sent at a time. The server keeps a part until it is complete, in memory that all share.
PART = 4 * MIB
PIECE = 256 * 1024
# Of one user at a time, under way or complete; and of all, in a list.
MOST, MOST_LISTED = 10, 1000
# What stays free of the folder's disk, which the database may be on as well.
RESERVE = 1024 * MIB
# After so long without a part, and without a job that is to read it, it is deleted.
KEPT = timedelta(days=1)
# A job that reads an upload names its id by this parameter.
PARAMETER = "upload"
# One begins after the other, so that the limits hold.
LOCK = 0x75706C6F6164


class UploadError(Exception):
    """An upload is refused; the text says why and what to do."""


class TooLargeError(UploadError):
    """The file is larger than is allowed, or than it was said to be."""


class TooManyError(UploadError):
    """The user has as many uploads as anybody may have."""


class FullError(UploadError):
    """The disk has no room for it."""


class BusyError(UploadError):
    """Another part of it is being written."""


class DigestError(UploadError):
    """The file is not the one whose SHA-256 was given; it can be sent from the start."""


class OffsetError(UploadError):
    """A part does not begin where the file ends: at ``offset``."""

    def __init__(self, offset: int):
        super().__init__(f"the bytes up to {offset:,} are there: go on at offset {offset}")
        self.offset = offset


def path(folder: Path, id: UUID) -> Path:
    """Where the bytes of an upload are."""
    return folder / str(id)


def begin(
    folder: Path, user_id: int, name: str, size: int, sha256: str | None, *, largest: int
) -> Upload:
    """Make the row of an upload of ``size`` bytes, ``largest`` at most.

    Raises TooLargeError, TooManyError, FullError.
    """
    if size > largest:
        raise TooLargeError(
            f"the file has {size:,} bytes, and an upload has {largest:,} at most: send it in"
            " several files, or compressed by gzip"
        )
    with db.session() as session:
        session.execute(select(func.pg_advisory_xact_lock(LOCK)))
        mine = select(func.count()).where(Upload.user_id == user_id)
        if session.scalar(mine) >= MOST:
            raise TooManyError(
                f"you have {MOST} uploads already: use or delete one, or wait: each is deleted"
                " a day after its last part"
            )
        promised = session.scalar(select(func.coalesce(func.sum(Upload.size - Upload.received), 0)))
        _require_room(folder, size, int(promised))
        upload = Upload(user_id=user_id, name=name, size=size, sha256=sha256)
        session.add(upload)
        session.flush()
        session.refresh(upload)
        session.refresh(upload, ["user"])
    return upload


def _require_room(folder: Path, size: int, promised: int) -> None:
    free = shutil.disk_usage(folder).free
    if free - promised - size < RESERVE:
        under_way = f", {promised:,} of them for uploads under way" if promised else ""
        raise FullError(
            f"the file has {size:,} bytes, and the disk of uploads has {free:,} free{under_way};"
            f" {RESERVE:,} of them must stay free: make room, or ask an administrator to"
        )


def find(session: Session, id: UUID, user_id: int | None) -> Upload | None:
    """Return an upload of a user, or of anybody where that is None."""
    return session.scalar(_of(user_id).where(Upload.id == id).options(joinedload(Upload.user)))


def listed(session: Session, user_id: int | None) -> Sequence[Upload]:
    """Return the uploads of a user, or of all where that is None, the newest first."""
    newest = _of(user_id).order_by(Upload.made_at.desc(), Upload.id).limit(MOST_LISTED)
    return session.scalars(newest.options(joinedload(Upload.user))).unique().all()


def _of(user_id: int | None):
    return select(Upload).where(*(() if user_id is None else (Upload.user_id == user_id,)))


def append(
    folder: Path, id: UUID, user_id: int | None, offset: int, data: BinaryIO
) -> Upload | None:
    """Write a part at ``offset``, which must be where the file ends; None when there is no upload.

    Of two who write at once, one is refused. Raises BusyError, OffsetError, TooLargeError,
    FullError, and DigestError after the last part of another file than was announced.
    """
    with db.session() as session:
        mine = _of(user_id).where(Upload.id == id)
        upload = session.scalar(mine.with_for_update(skip_locked=True))
        if upload is None:
            if session.scalar(mine) is None:
                return None
            raise BusyError("another part of this upload is being written: ask where it is")
        file = path(folder, id)
        if upload.received and not file.is_file():
            # A disk that was replaced, or a hand that was quicker than the row.
            upload.received = 0
        if offset != upload.received:
            raise OffsetError(upload.received)
        with _opened(file) as descriptor:
            upload.received += _written(descriptor, data, offset, upload.size - offset)
            os.ftruncate(descriptor, upload.received)
            os.fdatasync(descriptor)
        upload.touched_at = func.now()
        wrong = upload.complete and upload.sha256 and _digest(file) != upload.sha256
        if wrong:
            upload.received = 0
        session.flush()
        session.refresh(upload)
        session.refresh(upload, ["user"])
    if wrong:
        raise DigestError(
            f"the file is complete, and its SHA-256 is not {upload.sha256}: it changed while it was"
            " sent, or on the way; send it again from offset 0"
        )
    return upload


@contextmanager
def _opened(file: Path) -> Iterator[int]:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FullError(
                "the disk of uploads is full: what was sent before this part is kept; make room,"
                " and send the part again"
            ) from None
        raise
    finally:
        os.close(descriptor)


def _written(descriptor: int, data: BinaryIO, offset: int, most: int) -> int:
    count = 0
    while piece := data.read(PIECE):
        if count + len(piece) > most:
            raise TooLargeError(f"the upload has {most:,} bytes left, and this part has more")
        view = memoryview(piece)
        while view:
            done = os.pwrite(descriptor, view, offset + count)
            view, count = view[done:], count + done
    return count


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def remove(folder: Path, id: UUID, user_id: int | None) -> bool:
    """Delete an upload of a user, or of anybody; False when there is none."""
    mine = () if user_id is None else (Upload.user_id == user_id,)
    with db.session() as session:
        found = session.execute(delete(Upload).where(Upload.id == id, *mine)).rowcount
    if found:
        path(folder, id).unlink(missing_ok=True)
    return bool(found)


def prune(session: Session, folder: Path) -> dict[str, int]:
    """Delete uploads that nobody came back to, and files without a row; commits.

    Returns ``{"uploads": rows, "files": of no upload}``.
    """
    # Before the rows are read: a file is made after its row.
    files = dict(_files(folder))
    read_by_a_job = exists().where(
        Job.state.in_(UNFINISHED), Job.params[PARAMETER].astext == cast(Upload.id, Text)
    )
    old = delete(Upload).where(Upload.touched_at < func.now() - KEPT, ~read_by_a_job)
    gone = session.scalars(old.returning(Upload.id)).all()
    known = {*session.scalars(select(Upload.id)), *gone}
    session.commit()
    orphans = files.keys() - known
    for id in {*gone, *orphans}:
        path(folder, id).unlink(missing_ok=True)
    return {"uploads": len(gone), "files": len(orphans)}


def _files(folder: Path) -> Iterable[tuple[UUID, Path]]:
    """The files of uploads; whatever else is there is not ours."""
    for each in folder.iterdir() if folder.is_dir() else ():
        with suppress(ValueError):
            yield UUID(each.name), each
