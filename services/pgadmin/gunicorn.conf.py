"""gunicorn for pgAdmin: one process, since connections to servers live in its memory."""

import os
import sys

import stack

# Here and not in the worker, which gunicorn would start over and over.
try:
    stack.Settings.load()
except ValueError as fault:
    sys.exit(f"pgadmin: {fault}")

bind = "0.0.0.0:5050"
workers = 1
worker_class = "gthread"
threads = 16
timeout = 120
graceful_timeout = 15
keepalive = 75
worker_tmp_dir = "/dev/shm"  # noqa: S108  (the heartbeat file belongs in memory)
# Its default place is read-only here, and this server is not controlled by hand.
control_socket_disable = True

# A page under a sub-path: gunicorn strips it, pgAdmin puts it into links and cookies.
raw_env = [f"SCRIPT_NAME={os.environ.get('URL_PREFIX', '')}/pgadmin"]
