"""A manifest that changes from time to time: its version first, then a document to download.

A document is a pure function of its version, and every version up to the current one stays.
"""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import sha256
from threading import Lock

from flask import Blueprint, Response, abort, current_app, jsonify, request

from media_platform.chance import between, pick, unit
from media_platform.faults import may_fail

FIRST_TITLES = 300
NEW_TITLES = 4
COLD = ("Amber", "Basalt", "Cedar", "Ember", "Fjord", "Granite", "Harbor", "Juniper", "Kelp")
WARM = ("Lantern", "Meadow", "Ochre", "Pebble", "River", "Saffron", "Tundra", "Valley", "Willow")
WORDS = COLD + WARM
FORMS = ("Letters from {}", "The {} Hours", "{} Rising", "A Year in {}", "Under {}", "{}, Again")
KINDS = ("news", "series", "film", "documentary", "podcast")
LANGUAGES = ("da", "de", "en", "es", "fr", "it", "nl", "pl", "pt", "sv")

blueprint = Blueprint("manifest", __name__)


class Versions:
    """The current version, counted from 1."""

    def __init__(self) -> None:
        self.current = 1
        self._lock = Lock()

    def publish(self) -> int:
        """Make the next version the current one and return it."""
        with self._lock:
            self.current += 1
            return self.current


@lru_cache(maxsize=16)
def document(version: int) -> bytes:
    """Return the document of a version: some titles more than the last, some of them changed."""
    numbers = range(1, FIRST_TITLES + NEW_TITLES * (version - 1) + 1)
    titles = [title(number, version) for number in numbers]
    text = json.dumps({"simulated": True, "version": str(version), "titles": titles})
    return text.encode("ascii")


def title(number: int, version: int) -> dict:
    """Return one medium as that version has it; one in fifty gets a new edition each time."""
    changes = sum(unit("edition", number, each) < 0.02 for each in range(2, version + 1))
    word = pick(WORDS, "word", number)
    return {
        "id": f"title-{number:05d}",
        "title": pick(FORMS, "form", number).format(word),
        "kind": pick(KINDS, "kind", number),
        "language": pick(LANGUAGES, "language", number),
        "seconds": int(between(120, 7200, "seconds", number)),
        "edition": 1 + changes,
    }


def pointer(version: int) -> dict:
    """Return where the document of ``version`` is and what its bytes hash to."""
    return {
        "simulated": True,
        "version": str(version),
        "url": f"/api/manifest/{version}.json",
        "sha256": sha256(document(version)).hexdigest(),
    }


@blueprint.get("/api/manifest")
@may_fail("manifest")
def current() -> Response:
    """Answer with the current version; 304 to the ETag that it has."""
    known = pointer(current_app.extensions["versions"].current)
    response = jsonify(known)
    response.set_etag(f"{known['version']}-{known['sha256'][:16]}")
    return response.make_conditional(request)


@blueprint.get("/api/manifest/<int:version>.json")
@may_fail("document")
def download(version: int) -> Response:
    """Answer with a document."""
    if not 1 <= version <= current_app.extensions["versions"].current:
        abort(404, "This version was never published.")
    return Response(document(version), mimetype="application/json")


@blueprint.post("/api/manifest/publish")
def publish() -> tuple[Response, int]:
    """Make a new version and answer with it."""
    return jsonify(pointer(current_app.extensions["versions"].publish())), 201
