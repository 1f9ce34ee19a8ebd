"""Files that stay the same while the server runs: compressed at build, kept by browsers.

The image has a ``.br`` and a ``.gz`` beside each of them (``compress``, which the Dockerfile runs),
so that sending one takes no work. An address that carries the version of what is there is never
asked for again; any other is asked about each time. A page or the points of a
chart, made for one request, are compressed when complete, by the thread that made them.
"""

from __future__ import annotations

import hashlib
import mimetypes
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from dash import Dash
from dash.fingerprint import check_fingerprint
from flask import Flask, Response, request, send_from_directory
from flask_compress import Compress
from werkzeug.security import safe_join

YEAR = 31_536_000
# The smaller first; the encoding's name and the suffix of its files.
READY = {"br": ".br", "gzip": ".gz"}


def init_app(app: Flask, dash: Dash) -> None:
    """Serve the files of ``app`` and ``dash`` ready-made; call it when all routes are there."""
    app.config.update(
        COMPRESS_ALGORITHM=["zstd", "gzip"],
        COMPRESS_ZSTD_LEVEL=3,
        COMPRESS_LEVEL=5,
        COMPRESS_MIN_SIZE=1024,
        COMPRESS_STREAMS=False,
        COMPRESS_REGISTER=False,
    )
    compress = Compress(app)

    @app.after_request
    def light(answer: Response) -> Response:
        # A file is sent as it is: the next one would ask for the same work again.
        return answer if answer.direct_passthrough else compress.after_request(answer)

    folders = _folders(app)
    app.url_defaults(_version_adder(folders))
    for endpoint, folder in folders.items():
        app.view_functions[endpoint] = _file_of(folder)
    suites = f"{dash.config.routes_pathname_prefix}_dash-component-suites/"
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(suites):
            view = app.view_functions[rule.endpoint]
            app.view_functions[rule.endpoint] = _suite_of(dash, view)


def _folders(app: Flask) -> dict[str, Path]:
    """The static folders of the application and its blueprints, by endpoint."""
    owners = {"static": app, **{f"{name}.static": each for name, each in app.blueprints.items()}}
    return {name: Path(each.static_folder) for name, each in owners.items() if each.static_folder}


def _version_adder(folders: dict[str, Path]) -> Callable[[str, dict], None]:
    """The callback that adds a file's version to the address from ``url_for``."""

    def version(endpoint: str, values: dict) -> None:
        if endpoint in folders and (path := safe_join(folders[endpoint], values["filename"])):
            values["v"] = digest(path)

    return version


@cache
def digest(path: str) -> str | None:
    """Twelve digits that change with the file's content; None where there is no such file."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
    except OSError:
        return None


def _file_of(folder: Path) -> Callable[[str], Response]:
    def serve(filename: str) -> Response:
        return _send(folder, filename, forever=_is_current(folder, filename))

    return serve


def _is_current(folder: Path, name: str) -> bool:
    """Whether the address names the version of the file that is there.

    ``v`` is ours; ``m`` is Dash's for the files of its assets folder, when they changed.
    """
    path = safe_join(folder, name)
    if path is None or not Path(path).is_file():
        return False
    if "v" in request.args:
        return request.args["v"] == digest(path)
    return request.args.get("m") == str(Path(path).stat().st_mtime)


def _suite_of(dash: Dash, view: Callable[..., Any]) -> Callable[..., Any]:
    """Dash's own libraries: it knows which there are, and puts their version into the name."""

    def serve(package_name: str, fingerprinted_path: str) -> Any:
        name, forever = check_fingerprint(fingerprinted_path)
        if name not in dash.registered_paths.get(package_name, ()):
            return view(package_name=package_name, fingerprinted_path=fingerprinted_path)
        folder = Path(sys.modules[package_name].__file__).parent
        return _send(folder, name, forever=forever)

    return serve


def _send(folder: Path, name: str, *, forever: bool) -> Response:
    encoding = _encoding(folder, name)
    answer = send_from_directory(
        folder,
        name + READY.get(encoding, ""),
        mimetype=mimetypes.guess_type(name)[0],
        max_age=YEAR if forever else None,
    )
    answer.vary.add("Accept-Encoding")
    if encoding:
        answer.headers["Content-Encoding"] = encoding
    if forever:
        answer.cache_control.immutable = True
    return answer


def _encoding(folder: Path, name: str) -> str | None:
    """The best encoding that the file has and the client accepts; None for the file as it is."""
    there = [
        each
        for each, suffix in READY.items()
        if (path := safe_join(folder, name + suffix)) and Path(path).is_file()
    ]
    return request.accept_encodings.best_match(there)
