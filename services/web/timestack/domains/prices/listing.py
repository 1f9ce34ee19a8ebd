"""What a ticker is called."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

# As sources have them: BRK-B, ^GSPC, 7203.T, EURUSD=X.
Symbol = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z0-9^][A-Za-z0-9.^=_-]{0,19}$"
    ),
]
# A name or an industry; without control characters, which pages and logs would show.
Label = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$", max_length=200)
]
