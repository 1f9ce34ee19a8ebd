"""Files that come in parts, go on where they broke off, and are looked at before they are used.

Their parts come as tus has them, so that its clients work here as they are.
Ref: https://tus.io/protocols/resumable-upload, 1.0.0 with creation, expiration and termination
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from flask import Response, current_app, g, request, url_for
from pydantic import BaseModel, Field, StringConstraints, ValidationError
from werkzeug.exceptions import (
    BadRequest,
    Conflict,
    HTTPException,
    Locked,
    NotFound,
    PreconditionFailed,
    RequestEntityTooLarge,
    UnprocessableEntity,
    UnsupportedMediaType,
)
from werkzeug.http import http_date

from timestack import db
from timestack.api.operation import Answer, Resource, read_body
from timestack.api.types import Body, Digits, Name, View
from timestack.domains.uploads import store
from timestack.domains.uploads.layout import Layout
from timestack.domains.uploads.preview import Preview, preview_of
from timestack.domains.uploads.sample import UnfinishedError
from timestack.models.uploads import Upload
from timestack.settings import Settings
from timestack.validation import message
from timestack.words import sentence

resource = Resource(
    "uploads", __name__, url_prefix="/uploads", about="Files that are sent in parts."
)

BYTES = "application/offset+octet-stream"
VERSION, EXTENSIONS = "1.0.0", "creation,expiration,termination"
# Digits of the largest number that a row holds.
MOST_DIGITS = 18
# tus has a file without a name.
NAMELESS = "upload"

Model = TypeVar("Model", bound=BaseModel)
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class NewUpload(Body):
    """The file that is to come; ``sha256`` is of the whole, and it is refused at its end if not."""

    name: Name
    size: Annotated[int, Field(ge=1, lt=10**MOST_DIGITS), Digits]
    sha256: Digest | None = None


class UploadView(View):
    """A file, and how many bytes of it are there; ``part`` is how many to send at a time."""

    id: UUID
    user: str
    name: str
    size: int
    offset: int
    complete: bool
    part: int = store.PART
    made_at: datetime
    expires_at: datetime


class UploadList(View):
    """The newest first."""

    uploads: list[UploadView]


class Moved(Conflict):
    """The part begins elsewhere than the file ends; says where that is."""

    def __init__(self, error: store.OffsetError):
        super().__init__(sentence(error))
        self.offset = error.offset
        self.members = {"offset": error.offset}

    def get_headers(self, *args: Any, **more: Any) -> list[tuple[str, str]]:
        """Those of every failure, and the offset."""
        return [*super().get_headers(*args, **more), ("Upload-Offset", str(self.offset))]


class NoRoom(HTTPException):
    """507."""

    code = 507
    description = "There is no room for it."


# What the domain raises, and how it is answered.
ANSWERS: dict[type[store.UploadError], type[HTTPException]] = {
    store.TooLargeError: RequestEntityTooLarge,
    store.TooManyError: Conflict,
    store.FullError: NoRoom,
    store.BusyError: Locked,
    store.DigestError: UnprocessableEntity,
}


@resource.before_request
def _require_version() -> None:
    """Refuse a client of another version of tus; one that does not speak it is welcome."""
    if request.headers.get("Tus-Resumable", VERSION) != VERSION:
        raise PreconditionFailed(f"This server speaks version {VERSION} of tus.")


@resource.after_request
def _speak_tus(response: Response) -> Response:
    response.headers["Tus-Resumable"] = response.headers["Tus-Version"] = VERSION
    if request.method == "OPTIONS":
        response.headers["Tus-Extension"] = EXTENSIONS
        response.headers["Tus-Max-Size"] = str(_settings().largest_upload)
    if request.method == "HEAD":
        response.headers["Cache-Control"] = "no-store"
    return response


def _new(model: type[Model]) -> Model:
    """What is to come: as JSON, or in the headers of tus; raises BadRequest for faults of these."""
    if "Upload-Length" not in request.headers:
        return read_body(model)
    given = dict(_metadata(request.headers.get("Upload-Metadata", "")))
    values = {
        "name": given.get("filename") or given.get("name") or NAMELESS,
        "size": _number("Upload-Length"),
        "sha256": given.get("sha256"),
    }
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = (f"{each['loc'][0]}: {message(each)}" for each in error.errors())
        raise BadRequest(f"{'; '.join(found)}.") from None


def _metadata(header: str) -> Iterable[tuple[str, str]]:
    """The pairs of a name and base64; raises BadRequest."""
    for pair in filter(None, map(str.strip, header.split(","))):
        name, _, value = pair.partition(" ")
        try:
            yield name, base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise BadRequest(
                f"Upload-Metadata: {name[:40]!r} is not base64 of text in UTF-8."
            ) from None


def _number(header: str) -> int:
    given = request.headers.get(header, "")
    if not (given.isascii() and given.isdecimal() and len(given) <= MOST_DIGITS):
        raise BadRequest(f"{header} must be a number of bytes, in digits.")
    return int(given)


@resource.post("", body=NewUpload, reads=_new, answer=UploadView, status=201, problems=(409, 507))
def create(body: NewUpload) -> Answer:
    """Announce a file, and learn where its parts go: ``Location``.

    Refused above UPLOAD_MAX (413), with too many uploads (409), and where the disk would be left
    with less than its reserve (507).
    """
    settings = _settings()
    with _refusals():
        upload = store.begin(
            settings.uploads_dir,
            g.user.id,
            body.name,
            body.size,
            body.sha256,
            largest=settings.largest_upload,
        )
    address = url_for("api.uploads.show", id=upload.id)
    return Answer(_view(upload), headers={"Location": address, **_headers(upload)})


@resource.get("", answer=UploadList)
def index() -> UploadList:
    """Your uploads, under way and complete; an administrator sees everybody's."""
    with db.session() as session:
        return UploadList(uploads=[_view(each) for each in store.listed(session, _owner())])


@resource.get("/<uuid:id>", answer=UploadView, problems=(404,))
def show(id: UUID) -> Answer:
    """One upload; ``offset``, in the headers Upload-Offset, is where to go on."""
    upload = _found(id)
    return Answer(_view(upload), headers=_headers(upload))


@resource.patch(
    "/<uuid:id>",
    takes={BYTES: ""},
    headers=("Upload-Offset",),
    status=204,
    problems=(404, 409, 423, 507),
)
def append(id: UUID) -> Answer:
    """Send the next part: the file's bytes from Upload-Offset on, ``part`` of them at most.

    409 with the right offset where the file does not end at this one, 423 while another part is
    being written.
    """
    if request.mimetype != BYTES:
        raise UnsupportedMediaType(f"Send the bytes as they are, as {BYTES}.")
    offset = _number("Upload-Offset")
    with _refusals():
        upload = store.append(_settings().uploads_dir, id, _owner(), offset, request.stream)
    return Answer(None, headers=_headers(_required(upload, id)))


@resource.delete("/<uuid:id>", status=204, problems=(404,))
def end(id: UUID) -> Answer:
    """Delete an upload, complete or not."""
    if not store.remove(_settings().uploads_dir, id, _owner()):
        raise _missing(id)
    return Answer(None)


@resource.get("/<uuid:id>/preview", answer=Preview, problems=(404, 409))
def preview(id: UUID) -> Preview:
    """What the file holds, as its first part shows, and a layout by which it can be read.

    409 until the first part is there; of Parquet, until all is.
    """
    return _previewed(id)


@resource.post("/<uuid:id>/preview", body=Layout, answer=Preview, problems=(404, 409))
def check(id: UUID, body: Layout) -> Preview:
    """The same as a corrected layout reads it, and what is wrong with that."""
    return _previewed(id, body)


def _previewed(id: UUID, layout: Layout | None = None) -> Preview:
    upload = _found(id)
    file = store.path(_settings().uploads_dir, id)
    if not (upload.complete or upload.received >= store.PART) or not file.is_file():
        raise Conflict("The file cannot be looked at before its first part is there.")
    try:
        return preview_of(str(file), upload.name, complete=upload.complete, layout=layout)
    except UnfinishedError as error:
        raise Conflict(sentence(error)) from None


def _found(id: UUID) -> Upload:
    with db.session() as session:
        return _required(store.find(session, id, _owner()), id)


def _required(upload: Upload | None, id: UUID) -> Upload:
    if upload is None:
        raise _missing(id)
    return upload


def _missing(id: UUID) -> NotFound:
    return NotFound(f"There is no upload {id}: it ended, or is not yours.")


def _owner() -> int | None:
    """Whose uploads this request may see; None for everybody's."""
    return None if g.admin else g.user.id


def _view(upload: Upload) -> UploadView:
    return UploadView(
        id=upload.id,
        user=upload.user.email,
        name=upload.name,
        size=upload.size,
        offset=upload.received,
        complete=upload.complete,
        made_at=upload.made_at,
        expires_at=upload.touched_at + store.KEPT,
    )


def _headers(upload: Upload) -> dict[str, str]:
    return {
        "Upload-Offset": str(upload.received),
        "Upload-Length": str(upload.size),
        "Upload-Expires": http_date(upload.touched_at + store.KEPT),
    }


def _settings() -> Settings:
    return current_app.config["SETTINGS"]


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except store.OffsetError as error:
        raise Moved(error) from None
    except store.UploadError as error:
        raise ANSWERS[type(error)](sentence(error)) from None
