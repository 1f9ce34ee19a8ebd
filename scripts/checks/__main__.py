"""`python -m scripts.checks sbom|audit`: what `make sbom` and `make audit` run.

In the tests' environment, which has the libraries; the host side needs none.
"""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.checks import audit, sbom
from scripts.host.console import show
from scripts.host.faults import Refused

ROOT = Path(__file__).resolve().parents[2]
VERBS = {"sbom": sbom.sbom, "audit": audit.audit}


def main(verb: str) -> int:
    try:
        return VERBS[verb](ROOT)
    except Refused as refused:
        show(refused.faults)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
