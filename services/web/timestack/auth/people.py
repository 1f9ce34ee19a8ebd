"""Users and their roles as Flask-Security wants them: the same rows."""

from __future__ import annotations

from flask_security import UserMixin
from flask_security.core import RoleMixin
from sqlalchemy.orm import relationship

from timestack.models.users import Role, User, user_roles


class Position(RoleMixin, Role):
    """A role."""


class Person(UserMixin, User):
    """A user."""

    roles = relationship(Position, secondary=user_roles, lazy="joined", overlaps="roles")
