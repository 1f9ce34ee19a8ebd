"""gunicorn: one process per WEB_WORKERS, WEB_THREADS threads in each, nothing written to disk.

Settings and hypertables.yaml are checked here, before anything listens; faults are printed all at
once and without a traceback. What a process does is in timestack/server.py.
"""

import gc
from logging import getLogger

from gunicorn.glogging import Logger

from timestack import deadline, logs, queue, server
from timestack.metrics import PORT, processes
from timestack.series import catalog
from timestack.settings import WEB_SECRETS, Settings, SettingsError

try:
    settings = Settings.load(needs=WEB_SECRETS)
    catalog.current()
except (SettingsError, catalog.CatalogError) as error:
    raise SystemExit(f"The web cannot start: {error}") from None
logs.configure(settings)
# A queue is there to be used.
getLogger("waitress.queue").setLevel("ERROR")


class Lines(Logger):
    """Passes gunicorn's own lines to the logging set up above."""

    def setup(self, cfg):
        """Take the level from the configuration and leave the rest to the root logger."""
        self.cfg = cfg
        self.error_log.propagate = True


logger_class = Lines

# What browsers ask, and what Prometheus does.
bind = ["0.0.0.0:8000", f"0.0.0.0:{PORT}"]
worker_class = server.Worker
workers = settings.web_workers
threads = settings.web_threads
# Loaded once and forked: the workers share its pages, and a new one starts at once. Nothing is
# connected before the fork: the pools of create_app() open at their first use.
preload_app = True


def pre_fork(server, worker):
    """Number the process, and keep the collector off the pages that parent and children share."""
    worker.number = processes.free_number(other.number for other in server.WORKERS.values())
    gc.collect()
    gc.freeze()


def post_fork(server, worker):
    """Let no request wait forever for a service that hangs."""
    processes.take(worker.number)
    deadline.watch(settings.database_host, settings.database_port)
    queue.be_brief()


def child_exit(server, worker):
    """Take back what a retiring worker asked for: its successor, which is younger, is there."""
    processes.forget(worker.number)
    if any(other.age > worker.age for other in server.WORKERS.values()):
        server.num_workers = max(server.num_workers - 1, server.cfg.workers)


# A worker is replaced now and then, so a leak never becomes an outage; not all at one time.
max_requests = 20_000
max_requests_jitter = 2_000
timeout = 60
# For the answers under way when it stops. A deploy waits for them as long (scripts/host/slots.py);
# any other stop has stop_grace_period of compose.yaml.
graceful_timeout = 300

# The root is read-only. Heartbeat files live in memory; there is no control socket.
worker_tmp_dir = "/dev/shm"  # noqa: S108
control_socket_disable = True
