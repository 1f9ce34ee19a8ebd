"""`python -m scripts.checks.sbom FILE…`: is each file valid CycloneDX 1.6? Exit code 1: one is not.

Runs in the tests' environment, which has the schema; the host side needs no package for the rest.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main(files: list[str]) -> int:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    faults = {file: validator.validate_str(Path(file).read_text()) for file in files}
    for file, fault in faults.items():
        if fault:
            print(f"x {file}: not CycloneDX 1.6: {fault}", file=sys.stderr)
    return 1 if any(faults.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
