"""What runs on the host, with the standard library only."""

import sys
from pathlib import Path

# The web's package: its folder shared/ needs only the standard library.
sys.path.append(str(Path(__file__).resolve().parents[2] / "services" / "web"))
