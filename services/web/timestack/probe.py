"""``python -m timestack.probe [PORT PATH]``: exit code 0 when the service here answers 200.

The container's health check; without arguments it asks the web whether it is ready. It runs every
few seconds for as long as the stack does, so it imports of the package one module, and of the
standard library only what a socket needs. A web that was ready once is one that the proxy may use.
"""

import os
import socket
import sys

from timestack import serving

PORT, PATH = 8000, "/health/ready"
# Above the two seconds that readiness takes at most, below the five of the health check.
TIMEOUT = 4


def main(port: int = PORT, path: str = PATH) -> str | None:
    """Return None when the answer's status is 200, else the answer.

    ``path`` follows URL_PREFIX.
    """
    path = os.environ.get("URL_PREFIX", "") + path
    request = f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
            connection.sendall(request.encode("ascii"))
            with connection.makefile("rb") as answer:
                status, _, body = answer.read(65536).partition(b"\r\n\r\n")
    except OSError as error:
        return f"{path}: {error}"
    line = status.partition(b"\r\n")[0]
    if line.split()[1:2] == [b"200"]:
        if path.endswith(PATH):
            serving.note(serving.READY)
        return None
    return f"{path}: {line.decode('latin-1')} {body.decode('utf-8', 'replace')}"


if __name__ == "__main__":
    sys.exit(main(*(int(sys.argv[1]), sys.argv[2]) if len(sys.argv) == 3 else ()))
