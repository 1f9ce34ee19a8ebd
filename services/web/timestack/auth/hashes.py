"""Password hashes, a few at a time: Argon2id takes 64 MiB for as long as each is computed.

If every thread of the web computed one at once, which a handful of strangers at the log-in form can
bring about, they would need more than the container's memory, and the kernel would kill the worker.
"""

from __future__ import annotations

from threading import BoundedSemaphore
from typing import Any

from passlib.context import CryptContext

AT_ONCE = 2


class Hashes:
    """A passlib context whose threads take turns; everything else is the context's own."""

    def __init__(self, context: CryptContext):
        self._context = context
        self._turns = BoundedSemaphore(AT_ONCE)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def hash(self, *given: Any, **options: Any) -> str:
        """Return the hash of a password."""
        with self._turns:
            return self._context.hash(*given, **options)

    def verify(self, *given: Any, **options: Any) -> bool:
        """Say whether a password has this hash."""
        with self._turns:
            return self._context.verify(*given, **options)
