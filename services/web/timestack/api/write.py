"""Line protocol, as the clients of InfluxDB 2 send it: ``POST /api/v2/write``.

Its answers are InfluxDB's: 204, or JSON with ``code`` and ``message``.
Ref: https://docs.influxdata.com/influxdb/v2/api/v2/#operation/PostWrite
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest, HTTPException

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


@blueprint.errorhandler(HTTPException)
def refuse(error: HTTPException) -> Response:
    """Answer as InfluxDB does: the problem document has its members, too."""
    answer = errors.answer(error)
    document = answer.get_json(force=True)
    status = document["status"]
    members = {
        "code": CODES.get(status, HTTPStatus(status).phrase.lower()),
        "message": document.get("detail", document["title"]),
    }
    if faults := document.get("errors"):
        members["line"] = faults[0].get("line")
    shown = jsonify({**members, **document})
    answer.data, answer.content_type = shown.data, shown.content_type
    return answer


for _away in errors.AWAY:
    blueprint.register_error_handler(_away, lambda error: refuse(errors.away(error)))
