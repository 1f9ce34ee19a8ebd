"""Users and their server entries, matched to the stack's settings at every start and log-in.

pgAdmin keeps both in SQLite on its volume, which outlives a changed ADMIN_EMAIL, a rotated
password and an upgrade. Everything else in there belongs to the person who uses it.
"""

import uuid

import stack
from pgadmin.model import Role, Server, ServerGroup, Setting, User, db
from sqlalchemy import func

from timestack.shared.roles import PGADMIN

# The user that pgAdmin makes with a new volume, and its note of ADMIN_EMAIL at the last start.
FIRST = 1
NOTE = "timestack/admin_email"


def converge(settings: stack.Settings) -> None:
    """Make users and server entries match; call inside the application context."""
    _rename_first(settings.admin_email)
    admin = _find(settings.admin_email)
    if admin is not None:
        _adopt(admin, settings.admin_email)
    for user in User.query.filter_by(auth_source="webserver"):
        _server(settings, user)
    db.session.commit()


def equip(settings: stack.Settings, user: User) -> None:
    """Give a user who comes through the door what they need; call at their log-in.

    The door lets only administrators through.
    """
    user.email = user.username
    user.roles = [Role.query.filter_by(name="Administrator").one()]
    _server(settings, user)
    db.session.commit()


def _find(email: str) -> User | None:
    return User.query.filter(func.lower(User.username) == email).first()


def _rename_first(email: str) -> None:
    """Let the first user follow ADMIN_EMAIL, unless it has become another person's.

    That is so when ADMIN_EMAIL went on to a user who was there already: the first one then
    stays with the address that it has.
    """
    first = db.session.get(User, FIRST)
    if first is None:
        return
    note = db.session.get(Setting, (FIRST, NOTE))
    if note is None:
        note = Setting(user_id=FIRST, setting=NOTE, value=first.username.lower())
        db.session.add(note)
    if _find(email) is None and first.username.lower() == note.value:
        first.username = email
        # A new name ends the sessions of the old one.
        first.fs_uniquifier = uuid.uuid4().hex
    note.value = email


def _adopt(user: User, email: str) -> None:
    """Let the owner of ADMIN_EMAIL in again, whatever was done to the user in pgAdmin."""
    user.username = user.email = email
    user.auth_source = "webserver"
    user.active = True
    user.locked = False
    user.roles = [Role.query.filter_by(name="Administrator").one()]


def _server(settings: stack.Settings, user: User) -> None:
    """The user's entry of the stack's database; a new one goes into its first group."""
    server = Server.query.filter_by(service=stack.SERVICE, user_id=user.id).first()
    if server is None:
        server = Server(
            user_id=user.id,
            servergroup_id=_group(user).id,
            service=stack.SERVICE,
            name="Timestack",
            save_password=0,
            use_ssh_tunnel=0,
            tunnel_authentication=0,
            tunnel_prompt_password=0,
            shared=False,
        )
    server.host = settings.host
    server.port = settings.port
    server.maintenance_db = server.db_res = settings.database
    server.username = PGADMIN.name
    server.connection_params = {"sslmode": "verify-full", "connect_timeout": 10}
    db.session.add(server)


def _group(user: User) -> ServerGroup:
    group = ServerGroup.query.filter_by(user_id=user.id).order_by(ServerGroup.id).first()
    if group is None:
        group = ServerGroup(user_id=user.id, name="Servers")
        db.session.add(group)
        db.session.flush()
    return group
