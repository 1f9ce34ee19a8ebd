"""What runs on the host, by the standard library alone."""

import sys
from pathlib import Path

# The web's package, of which the host uses what needs the standard library alone: checks.py and
# shared/.
sys.path.append(str(Path(__file__).resolve().parents[2] / "services" / "web"))
