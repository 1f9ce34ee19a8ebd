"""Whether tomorrow's price is higher than today's: models trained on one part of a ticker's days,
and judged on the later part, which they have not seen.

``asked``, ``verdict``, ``daily``, ``store`` and ``errors`` are for everybody. The others compute,
with scikit-learn, which only the image of the worker has: nothing but its task may import them.
"""
