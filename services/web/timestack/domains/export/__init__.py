"""What others read of the declared tables: a chart's points of a hypertable, rows of any of them.

``tables`` says which tables and columns there are, ``points`` reads a hypertable at the resolution
of a chart, and ``rows`` gives all rows of a range, a batch at a time.
"""
