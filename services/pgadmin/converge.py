"""One account and one server entry, brought to what the stack says at every start.

pgAdmin keeps both in SQLite on its volume, which outlives a changed ADMIN_EMAIL, a rotated
password and an upgrade. Everything else in there belongs to the person who uses it.
"""

import uuid

import stack
from pgadmin.model import Role, Server, ServerGroup, User, db


def converge(settings: stack.Settings) -> None:
    """Make account and server entry match; call inside the application context."""
    _server(settings, _account(settings.admin_email))
    db.session.commit()


def _account(email: str) -> User:
    """The admin's account: the one of this name, else the volume's first one renamed.

    A new name ends the sessions of the old one.
    """
    user = User.query.filter_by(username=email).first() or User.query.order_by(User.id).first()
    if user.username != email or user.auth_source != "webserver":
        user.fs_uniquifier = uuid.uuid4().hex
    user.username = user.email = email
    user.auth_source = "webserver"
    user.active = True
    user.locked = False
    user.roles = [Role.query.filter_by(name="Administrator").one()]
    return user


def _server(settings: stack.Settings, user: User) -> None:
    """The entry of the stack's database in the account's first group."""
    server = Server.query.filter_by(service=stack.SERVICE).order_by(Server.id).first()
    if server is None:
        server = Server(
            service=stack.SERVICE,
            name="Timestack",
            save_password=0,
            use_ssh_tunnel=0,
            tunnel_authentication=0,
            tunnel_prompt_password=0,
            shared=False,
        )
    if server.user_id != user.id:
        group = ServerGroup.query.filter_by(user_id=user.id).order_by(ServerGroup.id).first()
        server.user_id, server.servergroup_id = user.id, group.id
    server.host = settings.host
    server.port = settings.port
    server.maintenance_db = server.db_res = settings.database
    server.username = "timestack_pgadmin"
    server.connection_params = {"sslmode": "verify-full", "connect_timeout": 10}
    db.session.add(server)
