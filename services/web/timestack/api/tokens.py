"""Tokens: whoever may ask makes and revokes their own, and an administrator sees everybody's."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Annotated, Literal

from flask import g
from pydantic import Field
from werkzeug.exceptions import Conflict, Forbidden, NotFound

from timestack import db
from timestack.api.operation import Answer, Resource
from timestack.api.types import Body, Query, Text, Time, View
from timestack.domains import tokens, users
from timestack.errors import Fault, Invalid
from timestack.models.tokens import Token

log = logging.getLogger(__name__)

resource = Resource(
    "tokens", __name__, url_prefix="/tokens", about="By which scripts ask in the name of a user."
)

LARGEST_ID = 2**63 - 1
MOST_TABLES = 100


class TokensQuery(Query):
    """Whose: an e-mail address, or `*` for everybody's; another one's is for administrators."""

    user: Text | None = None


class NewToken(Body):
    """What a token may. Without ``tables`` it is for all, without ``expires_at`` it has no end."""

    name: Annotated[Text, Field(max_length=tokens.LONGEST_NAME)]
    role: Literal[*tokens.ROLES]
    tables: Annotated[list[Text], Field(min_length=1, max_length=MOST_TABLES)] | None = None
    expires_at: Time | None = None


class TokenView(View):
    """A token but for its text; the last use is exact to a minute."""

    id: int
    user: str
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
    """The newest first."""

    items: list[TokenView]


@resource.get("", query=TokensQuery, answer=TokenList, problems=(404,))
def index(query: TokensQuery) -> TokenList:
    """The tokens that were not revoked: your own, or those of ``user``."""
    if query.user not in (None, g.user.email) and not g.admin:
        raise Forbidden("Only an administrator sees the tokens of others.")
    with db.session() as session:
        if query.user == "*":
            user_id = None
        elif query.user is None:
            user_id = g.user.id
        else:
            user = users.find(session, query.user)
            if user is None:
                raise NotFound(f"There is no user {query.user}.")
            user_id = user.id
        found = tokens.listing(session, user_id)
    return TokenList(items=[TokenView(**_shape(each, each.user.email)) for each in found])


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
    return Answer(MadeToken(**_shape(token, g.user.email), token=text))


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


def _shape(token: Token, email: str) -> dict:
    names = TokenView.model_fields.keys() - {"user"}
    return {"user": email, **{name: getattr(token, name) for name in names}}
