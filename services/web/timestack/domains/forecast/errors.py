"""Why there can be no forecast."""


class ForecastError(ValueError):
    """The sentence says what is wrong, and what to do."""
