"""Line protocol, as the clients of InfluxDB 2 send it: ``POST /api/v2/write``.

Its answers are InfluxDB's: 204, or JSON with ``code`` and ``message``.
Ref: https://docs.influxdata.com/influxdb/v2/api/v2/#operation/PostWrite
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest

from timestack import errors
from timestack.api import writing
from timestack.ingest import points
from timestack.ingest.times import NANOSECONDS

PARAMETERS = ("bucket", "org", "orgID", "precision")
CODES = {
    400: "invalid",
    413: "request too large",
    415: "invalid",
    500: "internal error",
    503: "unavailable",
}

blueprint = Blueprint("influx", __name__, url_prefix="/api/v2")


@blueprint.post("/write")
def write() -> Response | tuple[str, int]:
    """Write points: 204, 400 where nothing was written, 422 where some lines were refused.

    ``bucket`` is the hypertable, ``precision`` the unit of the times, nanoseconds unless given.
    """
    given = request.args.to_dict(flat=False)
    for name, values in given.items():
        if name not in PARAMETERS:
            raise BadRequest(
                f"{name[:40]!r} is not a parameter: there are {', '.join(PARAMETERS)}."
            )
        if len(values) > 1:
            raise BadRequest(f"The parameter {name!r} is given twice.")
    bucket, precision = request.args.get("bucket"), request.args.get("precision", "ns")
    if not bucket:
        raise BadRequest("The parameter 'bucket' is missing: it names the table, such as readings.")
    if precision not in NANOSECONDS:
        raise BadRequest(f"The precision is one of {', '.join(NANOSECONDS)}.")
    writing.accept(points.read, bucket, precision)
    return "", 204


def refused(problem: dict[str, Any]) -> dict[str, Any]:
    """Return a refusal as InfluxDB has it: with the members of the problem document, too."""
    status, faults = problem["status"], problem.get("errors")
    return {
        "code": CODES.get(status, HTTPStatus(status).phrase.lower()),
        "message": problem.get("detail", problem["title"]),
        **({"line": faults[0]["line"]} if faults else {}),
        **problem,
    }


blueprint.record(lambda state: errors.answer_below(state.app, state.url_prefix, refused))
