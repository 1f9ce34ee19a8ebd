"""The WSGI application: pgAdmin, made to match this stack before its first request."""

import os
import secrets

import door
import stack

from timestack.shared.proxy import Proxy

settings = stack.Settings.load()
stack.write_service_file(settings)

# A new volume's database is made while pgAdmin is imported and wants a first user; it
# becomes the administrator, whom Traefik lets in: this password is never used.
os.environ["PGADMIN_SETUP_EMAIL"] = settings.admin_email
os.environ["PGADMIN_SETUP_PASSWORD"] = secrets.token_urlsafe(32)

# Both read the environment above while they are imported, and pgAdmin's modules, which import
# one another in a circle, want to be entered by this one.
from pgAdmin4 import app  # noqa: E402, I001
from converge import converge  # noqa: E402
import users  # noqa: E402

del os.environ["PGADMIN_SETUP_PASSWORD"]
with app.app_context():
    converge(settings)
users.init_app(app, settings)
app.wsgi_app = door.Door(app.wsgi_app, settings.proxy_secret, Proxy())
