"""Daily prices of a ticker as CSV, from where they are offered or from a file.

``source`` asks for them over HTTP, ``read`` reads them strictly, ``splits`` finds the splits in
them. How they are written is in ``timestack.ingest.prices``.
"""
