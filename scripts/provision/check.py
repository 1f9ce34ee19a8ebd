"""`python -m scripts.provision.check`: validate the schema file.

A program of its own beside `python -m scripts.provision`: each `make up` waits for it, and what
else is imported there takes three times as long as the check itself.

Exit code 0: no fault. 2: the file cannot be used; each fault is on standard error.
"""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.provision.console import say
from timestack.series import catalog


def main(file: Path | None = None) -> int:
    try:
        say(f"{len(catalog.current(file).hypertables)} hypertables declared, no fault")
    except (catalog.CatalogError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
