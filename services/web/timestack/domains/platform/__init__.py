"""The upstream media platform: ``login`` asks it who a user is, ``ingest`` takes in what it counts.

Both ask over HTTP by ``http``.
"""
