"""Settings of pgAdmin in this stack; read last, so that they win over the package's own.

Reference: https://www.pgadmin.org/docs/pgadmin4/latest/config_py.html
"""

import logging
from pathlib import Path


class _Hidden(str):
    """A secret that does not show in pgAdmin's About box, which prints every setting."""

    def __format__(self, spec: str) -> str:
        return "********"

    __repr__ = __str__ = lambda self: "********"


SERVER_MODE = True
DATA_DIR = "/var/lib/pgadmin"
LOG_FILE = "/dev/null"  # the console's lines are the container's log
CONSOLE_LOG_LEVEL = logging.WARNING
FILE_LOG_LEVEL = logging.CRITICAL

# The proxy says who comes in, with a secret that only it, the web and pgAdmin hold. Its address is
# checked by door.py, since the proxy's is not known before it runs: the ranges
# here are those that Compose hands out. A user is made at the first log-in and gets its role
# and its server entry there (converge.py).
AUTHENTICATION_SOURCES = ["webserver"]
WEBSERVER_AUTO_CREATE_USER = True
WEBSERVER_REMOTE_USER = "X-Remote-User"
WEBSERVER_REMOTE_USER_FROM_HEADER = True
WEBSERVER_SHARED_SECRET = _Hidden(Path("/run/secrets/pgadmin_proxy_secret").read_text().strip())
WEBSERVER_TRUSTED_PROXIES = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
MFA_ENABLED = False

# One proxy in front, which overwrites these headers; the host comes as the browser sent it.
PROXY_X_FOR_COUNT = 1
PROXY_X_PROTO_COUNT = 1
PROXY_X_HOST_COUNT = 1
PROXY_X_PORT_COUNT = 0
PROXY_X_PREFIX_COUNT = 0

SESSION_COOKIE_SECURE = True
SESSION_COOKIE_SAMESITE = "Lax"
ENHANCED_COOKIE_PROTECTION = True
# pgAdmin's own policy, which needs a nonce per page, minus its plain-http sources. HSTS, the
# other headers and the compression are Traefik's, once for every service.
CONTENT_SECURITY_POLICY = (
    "default-src 'self' data: blob:;"
    " script-src 'self' 'nonce-{nonce}';"
    " style-src 'self' 'unsafe-inline';"
    " connect-src 'self';"
    " object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self';"
)
STRICT_TRANSPORT_SECURITY_ENABLED = False
X_FRAME_OPTIONS = X_XSS_PROTECTION = X_CONTENT_TYPE_OPTIONS = ""
CROSS_ORIGIN_OPENER_POLICY = ""
COMPRESS_ALGORITHM = []

# The password of the stack's server entry comes from a file (converge.py), so there is nothing
# for a master password to encrypt. Commands typed into a server entry stay off: they would
# run in this container.
MASTER_PASSWORD_REQUIRED = False
ENABLE_SERVER_PASS_EXEC_CMD = False
ENABLE_PSQL = False
SUPPORT_SSH_TUNNEL = False

# What Backup, Restore and Import/Export run: no preference may change it, for the same reason.
# Their files are in the user's folder below DATA_DIR, which the Storage Manager lists.
FIXED_BINARY_PATHS = {"pg-17": "/usr/lib/postgresql/17/bin"}

# No calls to the internet, and no search for servers on this host.
UPGRADE_CHECK_ENABLED = False
SHOW_GRAVATAR_IMAGE = False
LLM_ENABLED = False
AUTO_DISCOVER_SERVERS = False

# One worker process with threads: pgAdmin keeps its database connections in memory.
CONFIG_DATABASE_CONNECTION_POOL_SIZE = 5
CONFIG_DATABASE_CONNECTION_MAX_OVERFLOW = 20
SESSION_EXPIRATION_TIME = 1
