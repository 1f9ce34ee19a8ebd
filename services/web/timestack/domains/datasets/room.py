"""Whether the disk of the database has room for a file, before anything of it is loaded."""

from __future__ import annotations

import logging
import zlib
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from timestack import db
from timestack.domains.operations import volume
from timestack.domains.operations.budget import Budget, SlowError
from timestack.domains.operations.refusals import REFUSALS, reason
from timestack.domains.operations.words import size
from timestack.domains.uploads.store import RESERVE

log = logging.getLogger(__name__)

# What a byte of CSV becomes: a narrow row takes some 60 bytes, as much in its indexes, and rollups
# and the write-ahead log come on top.
GROWTH = 5
# A cell of Parquet as text.
CELL = 10
HEAD = 64 * 1024
# zlib's word for gzip with its header.
GZIP = 16 + zlib.MAX_WBITS


class NoRoomError(ValueError):
    """The database's disk has no room for a file; the text says how much it takes, and why."""


def require(file: Path) -> None:
    """Raise NoRoomError where loading a file would use up the disk of the database.

    What it takes is an estimate. Where nobody knows the disk, there is room; and for a file that is
    gone, since it was loaded.
    """
    if not file.is_file():
        return
    try:
        with db.session() as session:
            seen = volume.read(Budget(session))
    except (volume.UnknownError, SlowError, *REFUSALS) as error:
        log.warning("the database's disk is not known before a load: %s", reason(error))
        return
    needed = GROWTH * _text(file)
    if seen.free - needed < RESERVE:
        raise NoRoomError(
            f"loading the file takes about {size(needed)}, and the disk of the database has"
            f" {size(seen.free)} free, of which {size(RESERVE)} must stay free: send a part of it,"
            " delete datasets, or ask an administrator to make room"
        )


def _text(file: Path) -> float:
    """About how many bytes a file is as CSV: of gzip by its beginning, of Parquet by its cells."""
    whole = file.stat().st_size
    with file.open("rb") as opened:
        head = opened.read(HEAD)
    if head.startswith(b"PAR1"):
        try:
            found = parquet.read_metadata(file)
        except pa.ArrowInvalid:
            # The load says what is wrong with it.
            return whole
        return CELL * found.num_rows * found.num_columns
    if not head.startswith(b"\x1f\x8b"):
        return whole
    unpack = zlib.decompressobj(GZIP)
    try:
        text = len(unpack.decompress(head))
    except zlib.error:
        return whole
    return whole * text / (len(head) - len(unpack.unused_data))
