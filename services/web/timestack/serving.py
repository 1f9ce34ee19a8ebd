"""Whether this container takes requests, and what the proxy was told of it last.

    python -m timestack.serving           waits until the proxy was told that it does
    python -m timestack.serving --drain   says no from now on, and waits until the proxy was told

Exit code 1 when the proxy has not asked in time. It takes none before it was ready once, and none
when it is about to stop. What is known of that are files in /tmp, which all processes of the
container share and which is empty when it starts again. Imports as little as `probe`.
"""

import os
import sys
import time
from contextlib import suppress

READY, DRAINING, TOLD = "/tmp/ready", "/tmp/draining", "/tmp/told"  # noqa: S108
# Above what the proxy takes to ask (traefik/dynamic/services.yaml). On a host with much else to do
# that may be long, and nobody is harmed by waiting until it knows a new one.
SECONDS = {"yes": 120, "no": 30}


def note(path: str, word: str = "") -> None:
    """Write a file that is whole whenever it is read; a full /tmp takes nothing out of service."""
    with suppress(OSError):
        new = f"{path}.{os.getpid()}"
        with open(new, "w", encoding="ascii") as file:
            file.write(word)
        os.replace(new, path)


def draining() -> bool:
    """Whether it is about to stop: it answers what comes, and the proxy is to send nothing."""
    return os.path.exists(DRAINING)


def tell() -> bool:
    """Return whether the proxy may send requests, and remember that it was told so."""
    serves = os.path.exists(READY) and not draining()
    note(TOLD, "yes" if serves else "no")
    return serves


def told(answer: str, seconds: float | None = None) -> bool:
    """Wait until the proxy has got this answer; False when it has not in so many seconds."""
    end = time.monotonic() + (SECONDS[answer] if seconds is None else seconds)
    while True:
        with suppress(FileNotFoundError), open(TOLD, encoding="ascii") as file:
            if file.read() == answer:
                return True
        if time.monotonic() > end:
            return False
        time.sleep(0.1)


def main(arguments: list[str]) -> str | None:
    """Return None when the proxy knows, else what is wrong."""
    answer = "no" if arguments == ["--drain"] else "yes"
    if answer == "no":
        note(DRAINING)
    if told(answer):
        return None
    return f"the proxy has not got its {answer} within {SECONDS[answer]} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
