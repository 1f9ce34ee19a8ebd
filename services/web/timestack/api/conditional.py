"""The header ``If-Match``: a change is made only to what its sender has seen."""

from __future__ import annotations

from flask import request
from pydantic import BaseModel
from werkzeug.exceptions import PreconditionFailed

from timestack.api.operation import etag


def require_match(shown: BaseModel | None) -> None:
    """Go on where If-Match is not given, or names ``shown``, what a GET would answer now.

    Raises PreconditionFailed; also where there is nothing to be shown.
    """
    if "If-Match" not in request.headers:
        return
    wanted = request.if_match
    # A compressed answer's tag has the encoding's name behind it.
    seen = {tag.partition(":")[0] for tag in wanted}
    if shown is None or not (wanted.star_tag or etag(shown) in seen):
        raise PreconditionFailed(
            "It has changed since: get it again, and repeat the change with its ETag in If-Match."
        )
