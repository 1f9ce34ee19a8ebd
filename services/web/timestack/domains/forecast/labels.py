"""What a model is to tell of a day: whether the next day's close is higher."""

from __future__ import annotations

import numpy as np


def rises(close: np.ndarray) -> np.ndarray:
    """Return for each day but the last whether the next day's close is above its own, as bool.

    A price that does not change has not risen. Of the last day nothing is known.
    """
    return close[1:] > close[:-1]
