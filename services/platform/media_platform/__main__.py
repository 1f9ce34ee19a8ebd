"""Serve the simulated platform until SIGTERM or SIGINT: HTTP in threads, mail beside it."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path
from threading import Event, Thread

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from media_platform import hooks, logs, mail
from media_platform.app import create_app

PASSWORD_FILE = "/run/secrets/platform_password"  # noqa: S105 - a path

logger = logging.getLogger("platform")


class Requests(WSGIRequestHandler):
    """Answers in HTTP/1.1 and logs one line each, without the query and the probes."""

    protocol_version = "HTTP/1.1"
    # Longer than any fault that is ordered; a client that is silent for longer is cut off.
    timeout = 90

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log method, path and status of a request."""
        path = getattr(self, "path", "-").partition("?")[0]
        if path.startswith(hooks.PREFIX):
            path = f"{hooks.PREFIX}***"
        if path != "/health":
            logger.info("%s %s %s", self.command, path, code)

    def log(self, type: str, message: str, *args: object) -> None:
        """Log a message of the server itself."""
        logger.log(logging.getLevelNamesMapping().get(type.upper(), logging.INFO), message, *args)


def main() -> str | None:
    """Run; return a sentence when it cannot start."""
    options = parsed()
    try:
        password = read_password(Path(os.environ.get("PLATFORM_PASSWORD_FILE", PASSWORD_FILE)))
    except ValueError as error:
        return f"The simulated platform cannot start: {error}."
    logs.configure(password)
    app = create_app(password)
    try:
        server = make_server(
            options.bind, options.http_port, app, threaded=True, request_handler=Requests
        )
        mail.serve(app.extensions["mailbox"], options.bind, options.smtp_port)
    except OSError as error:
        return f"The simulated platform cannot listen on {options.bind}: {error.strerror}."
    serve(server)
    return None


def parsed() -> argparse.Namespace:
    """Return where to listen; a container needs none of it."""
    parser = argparse.ArgumentParser(prog="media_platform", description=__doc__)
    parser.add_argument("--bind", default="0.0.0.0", help="address (default: %(default)s)")  # noqa: S104 - a container's own
    parser.add_argument("--http-port", type=int, default=9000, help="default: %(default)s")
    parser.add_argument("--smtp-port", type=int, default=2525, help="default: %(default)s")
    return parser.parse_args()


def read_password(file: Path) -> str:
    """Return the text of the file without its final line break.

    Raises ValueError naming the file when it is missing, empty or cannot be read.
    """
    try:
        password = file.read_text(encoding="utf-8").rstrip("\r\n")
    except FileNotFoundError:
        raise ValueError(f"{file} is missing: run `make up`, which writes it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} cannot be read: {error}") from None
    if not password.strip():
        raise ValueError(f"{file} is empty: remove it and run `make up`, which writes a new one")
    return password


def serve(server: BaseWSGIServer) -> None:
    """Serve until a signal stops the process; what is being answered then is dropped."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    Thread(target=server.serve_forever, args=(0.1,), name="http", daemon=True).start()
    logger.info("the simulated platform serves: all of its data is invented")
    stop.wait()
    server.shutdown()
    logger.info("the simulated platform stops")


if __name__ == "__main__":
    sys.exit(main())
