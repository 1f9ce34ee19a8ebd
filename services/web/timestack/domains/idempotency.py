"""A request that is repeated under its idempotency key makes one thing and has one answer.

Ref: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from timestack.models.idempotency import IdempotencyKey

KEPT = timedelta(days=1)
# Keys that one request forgets: more are left to the next ones.
BATCH = 1000


class ReusedError(ValueError):
    """The key is that of another request."""

    def __init__(self, key: str):
        super().__init__(
            f"the idempotency key {key!r} was used for another request in the last day: use a new"
            " one"
        )


def once(
    session: Session,
    owner: str,
    key: str,
    asked: Mapping[str, Any],
    make: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Return what ``make`` returns, JSON's types; of a request that is repeated, the first answer.

    Key, answer and what is made are of the session's one transaction, so that there are all or
    none; a repetition that comes meanwhile waits for its end. ``owner`` is whose key it is, and
    ``asked`` what is asked for. Raises ReusedError.
    """
    asked = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    _forget(session)
    first = insert(IdempotencyKey).values(owner=owner, key=key, request=asked)
    first = first.on_conflict_do_nothing().returning(IdempotencyKey.key)
    if session.scalar(first) is None:
        known = session.get_one(IdempotencyKey, (owner, key))
        if known.request != asked:
            raise ReusedError(key)
        return known.answer
    answer = make()
    mine = IdempotencyKey.owner == owner, IdempotencyKey.key == key
    session.execute(update(IdempotencyKey).where(*mine).values(answer=answer))
    return answer


def _forget(session: Session) -> None:
    """Delete keys older than KEPT, but those that another request is deleting."""
    old = (
        select(IdempotencyKey.owner, IdempotencyKey.key)
        .where(IdempotencyKey.made_at < func.now() - KEPT)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
        .subquery()
    )
    session.execute(
        delete(IdempotencyKey)
        .where(IdempotencyKey.owner == old.c.owner, IdempotencyKey.key == old.c.key)
        .execution_options(synchronize_session=False)
    )
