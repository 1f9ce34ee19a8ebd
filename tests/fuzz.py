"""Send an application whatever its OpenAPI document allows and forbids, and list what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import schemathesis
from flask import Flask
from schemathesis import Case, HookContext, Response, engine
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.engine import events
from schemathesis.engine.statistic import Statistic
from schemathesis.transport.wsgi import WSGI_TRANSPORT, WSGITransport

OF_SOCKETS = ("max_redirects", "verify", "cert", "proxies")


@schemathesis.serializer(
    "application/x-ndjson",
    "application/vnd.apache.parquet",
    "text/csv",
    "application/offset+octet-stream",
)
def as_text(_: object, value: object) -> bytes:
    """The body that stands for rows or bytes: whatever was made, as text."""
    return str(value).encode(errors="surrogatepass")


@dataclass
class Found:
    """What a run saw: the requests it made, by status, and a text for each failure."""

    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def explore(
    app: Flask,
    document: dict[str, Any],
    headers: Mapping[str, str],
    settings: dict[str, Any],
    excused: Callable[[Failure, Response], bool],
) -> Found:
    """Run every phase of schemathesis: examples, the edges of each schema, random, sequences.

    ``settings`` are those of a schemathesis.toml; a failure that is ``excused`` is not one.
    """
    # Bodies are looked at as they are.
    headers = {"Accept-Encoding": "identity", **headers}
    config = SchemathesisConfig.from_dict({**settings, "headers": headers})
    schema = schemathesis.openapi.from_dict(document, config=config)
    schema.app = app

    @schema.hook
    def filter_failure(_: HookContext, failure: Failure, __: Case, response: Response) -> bool:
        return not excused(failure, response)

    found, seen = Found(), Statistic()
    with patch.object(WSGI_TRANSPORT, "send", _without_sockets):
        for event in engine.from_schema(schema).execute():
            match event:
                case events.ScenarioFinished():
                    seen.on_scenario_finished(event.recorder)
                    answers = [each.response for each in event.recorder.interactions.values()]
                    found.statuses.update(each.status_code for each in answers if each)
                case events.NonFatalError():
                    found.failures.append(f"{event.label}: {event.value!r}")
                case events.FatalError():
                    raise event.exception
    found.failures += [
        f"{label}\n{group.format(index=None, curl=group.code_sample, config=config.output)}"
        for label, groups in seen.failures.items()
        for group in groups.values()
    ]
    return found


def _without_sockets(case: Case, **settings: Any) -> Response:
    """Send as WSGI does, without what is for sockets: checks that ask again hand it on."""
    for name in OF_SOCKETS:
        settings.pop(name, None)
    return WSGITransport.send(WSGI_TRANSPORT, case, **settings)
