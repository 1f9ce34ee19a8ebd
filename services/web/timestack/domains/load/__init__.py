"""Loading files into hypertables at COPY speed: all of a file or nothing of it.

``run.load`` does it, ``commit`` keeps it atomic. Nothing is imported here: who only asks what a
killed load left behind needs no Arrow.
"""
