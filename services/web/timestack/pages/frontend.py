"""The files that Vite makes of services/web/frontend: which ones an entry's page loads.

The image has them in the static folder, a hash of the content in each name. A clone has none,
and in development Vite's own server may give what they are made of (FRONTEND_URL).

Ref: https://vite.dev/guide/backend-integration
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# In the static folder.
FOLDER = "frontend"
# The file that loads an entry from Vite's server.
DEVELOPMENT = "src/dev.js"


@dataclass(frozen=True)
class Files:
    """What a page loads, as paths in the static folder."""

    script: str
    styles: tuple[str, ...]


@cache
def built(static: str, entry: str) -> Files | None:
    """The files of an entry, by Vite's name such as ``src/main.tsx``; None where none are built."""
    try:
        manifest = json.loads((Path(static) / FOLDER / "manifest.json").read_text())
    except FileNotFoundError:
        return None
    found = manifest[entry]
    return Files(
        f"{FOLDER}/{found['file']}", tuple(f"{FOLDER}/{each}" for each in found.get("css", ()))
    )
