"""Tokens: whoever may ask makes and revokes their own, and an administrator sees everybody's."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Annotated, Literal

from flask import g
from pydantic import AliasPath, ConfigDict, Field
from sqlalchemy.orm import Session
from werkzeug.exceptions import Conflict, Forbidden, NotFound

from timestack import db
from timestack.api import paging
from timestack.api.operation import Answer, Resource
from timestack.api.types import Body, Name, Text, Time, View
from timestack.domains import tokens, users
from timestack.errors import Fault, Invalid

log = logging.getLogger(__name__)

resource = Resource(
    "tokens", __name__, url_prefix="/tokens", about="By which scripts ask in the name of a user."
)

EVERYBODY = "*"
LARGEST_ID = 2**63 - 1
MOST_TABLES = 100


class TokensQuery(paging.ListQuery):
    """Whose: an e-mail address, or `*` for everybody's; another one's is for administrators."""

    user: Text | None = None


class NewToken(Body):
    """What a token may. Without ``tables`` it is for all, without ``expires_at`` it has no end."""

    name: Name
    role: Literal[*tokens.ROLES]
    tables: Annotated[list[Text], Field(min_length=1, max_length=MOST_TABLES)] | None = None
    expires_at: Time | None = None


class TokenView(View):
    """A token but for its text; the last use is exact to a minute."""

    model_config = ConfigDict(validate_by_name=True)

    id: int
    user: str = Field(validation_alias=AliasPath("user", "email"))
    name: str
    role: str
    tables: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_used_from: str | None


class MadeToken(TokenView):
    """A token that was just made, with its text, which is not shown again."""

    token: str


class TokenList(View):
    """A part of the list; ``next`` is the cursor of the next one."""

    items: list[TokenView]
    next: str | None


@resource.get("", query=TokensQuery, answer=TokenList, problems=(404,))
def index(query: TokensQuery) -> Answer:
    """List the tokens that were not revoked, the newest first: your own, or those of ``user``.

    ``next`` and the header Link lead on.
    """
    if query.user not in (None, g.user.email) and not g.admin:
        raise Forbidden("Only an administrator sees the tokens of others.")
    with db.session() as session:
        owner = None if query.user == EVERYBODY else _id_of(session, query.user)
        rows = tokens.listed(session, owner, paging.part(query, tokens.ORDER))
    return paging.answer(TokenList, query, tokens.ORDER, rows)


@resource.post("", body=NewToken, answer=MadeToken, status=201, problems=(409,))
def create(body: NewToken) -> Answer:
    """Make a token of your own; the answer alone has its text.

    A token makes others that may no more than itself, and none when it may only read. 409 when
    there are too many.
    """
    try:
        with db.session() as session:
            text, token = tokens.make(
                session,
                g.user,
                body.name,
                body.role,
                tables=body.tables,
                expires_at=body.expires_at,
                by=g.token,
            )
    except tokens.TokenError as error:
        raise _refusal(error) from None
    log.info("token %s of %s was made by the API", token.id, g.user.email)
    known = {name: getattr(token, name) for name in TokenView.model_fields if name != "user"}
    return Answer(MadeToken(**known, user=g.user.email, token=text))


@resource.delete(f"/<int(max={LARGEST_ID}):id>", status=204, problems=(404,))
def revoke(id: int) -> Answer:
    """Revoke a token: it is refused from this moment on.

    An administrator may revoke anybody's. A token may revoke itself, and those that it could make.
    """
    try:
        with db.session() as session:
            token = tokens.revoke(session, id, None if g.admin else g.user.id, by=g.token)
    except tokens.TokenError as error:
        raise _refusal(error) from None
    if token is None:
        raise NotFound(f"There is no token {id}, or it was revoked.")
    log.info("token %s was revoked by %s", token.id, g.user.email)
    return Answer(None)


def _refusal(error: tokens.TokenError) -> Exception:
    if error.field == "by":
        return Forbidden(str(error))
    if not error.field:
        return Conflict(str(error))
    return Invalid([Fault(str(error).removesuffix("."), pointer=f"/{error.field}")])


def _id_of(session: Session, email: str | None) -> int:
    """The id of a user, by default of the one who asks; raises NotFound."""
    if email is None:
        return g.user.id
    user = users.find(session, email)
    if user is None:
        raise NotFound(f"There is no user {email}.")
    return user.id
