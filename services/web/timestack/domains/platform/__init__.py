"""The upstream media platform: ``login`` asks who somebody is, ``ingest`` takes in what it counts.

Both ask over HTTP by ``http``.
"""
