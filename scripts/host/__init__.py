"""What runs on the host, with the standard library only."""

import sys
from pathlib import Path

# The web's package: the host uses what needs only the standard library, checks.py and shared/.
sys.path.append(str(Path(__file__).resolve().parents[2] / "services" / "web"))
