"""gunicorn: one process per WEB_WORKERS, WEB_THREADS threads in each, nothing written to disk.

Settings and hypertables.yaml are checked here, before anything listens; faults are printed all at
once and without a traceback.
"""

import gc
from logging import getLogger

from gunicorn.glogging import Logger

from timestack import logs
from timestack.series import catalog
from timestack.settings import WEB_SECRETS, Settings, SettingsError

try:
    settings = Settings.load(needs=WEB_SECRETS)
    catalog.current()
except (SettingsError, catalog.CatalogError) as error:
    raise SystemExit(f"The web cannot start: {error}") from None
logs.configure(settings)


class Lines(Logger):
    """Hands gunicorn's own lines and its access lines to the logging set up above."""

    def setup(self, cfg):
        """Take the level from the configuration and leave the rest to the root logger."""
        self.cfg = cfg
        self.error_log.propagate = self.access_log.propagate = True
        # Probes every few seconds are worth a line only when they fail.
        self.access_log.addFilter(_tells_something)


def _tells_something(record):
    line = logs.access_of(record)
    probe = line.get("path") in (f"{settings.url_prefix}/health/{end}" for end in ("live", "ready"))
    return not (probe and line["status"] == 200) or getLogger().isEnabledFor(10)


logger_class = Lines
accesslog = "-"

bind = "0.0.0.0:8000"
worker_class = "gthread"
workers = settings.web_workers
threads = settings.web_threads
# Loaded once and forked: the workers share its pages, and a new one starts at once. Nothing is
# connected before the fork: the pools of create_app() open at their first use.
preload_app = True


def pre_fork(server, worker):
    """Keep the collector off the pages that parent and children share."""
    gc.collect()
    gc.freeze()


# A worker is replaced now and then, so a leak never becomes an outage; not all at one time.
max_requests = 20_000
max_requests_jitter = 2_000
timeout = 60
# Below stop_grace_period of compose.yaml.
graceful_timeout = 30
# Above the proxy's idle time of 90 s: the side that also sends the requests closes first, else
# one could be on its way while we close.
keepalive = 120

# The root is read-only. Heartbeat files live in memory; there is no control socket.
worker_tmp_dir = "/dev/shm"  # noqa: S108
control_socket_disable = True

# What the proxy says of the client is read in one place, ProxyFix; no header sets SCRIPT_NAME.
forwarded_allow_ips = "127.0.0.1"
forwarder_headers = ""
secure_scheme_headers = {}
# The proxy passes at most 64 KiB of head; what is too long within that is refused by
# timestack.errors, which answers the API with a problem document.
limit_request_line = 0
limit_request_fields = 100
limit_request_field_size = 65_536
