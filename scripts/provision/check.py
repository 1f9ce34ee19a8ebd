"""`python -m scripts.provision.check`: validate the schema file, and the alert rules beside it.

A program of its own beside `python -m scripts.provision`: each `make up` waits for it, and what
else is imported there takes three times as long as the check itself.

Exit code 0: no fault. 2: a file cannot be used; each fault is on standard error.
"""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.provision.console import say
from timestack.domains.alerts import rules
from timestack.series import catalog
from timestack.settings import ALERTS, alerts_file


def main(file: Path | None = None) -> int:
    try:
        declared = catalog.current(file)
        alerts = rules.load(file.with_name(ALERTS) if file else alerts_file(), declared)
    except (catalog.CatalogError, rules.RulesError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    say(
        f"{len(declared.hypertables)} hypertables and {len(alerts.rules)} alert rules declared,"
        " no fault"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
