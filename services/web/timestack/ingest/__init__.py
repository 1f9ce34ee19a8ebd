"""Rows that come over HTTP, as points of line protocol, JSON, CSV or Parquet, into hypertables.

The path of a row through the modules:

    body        decompresses what was sent, up to a bound, and cuts it into whole lines
    target      knows the table: its columns, its key, its bounds
    points      reads line protocol
    records     reads JSON and lines of JSON; takes single rows, each value by ``cells``
    tables      reads CSV and Parquet, a block at a time; a block with a fault row by row
                (times: counts since 1970, and ISO 8601)
    batch       holds rows by column, and what is refused of them
    sensors     finds the sensors that readings name, and makes those that are new
    insert      writes a batch by one statement; a point that is there already is overwritten
    follow      has the rollups follow, without a message for each write

``write.write`` puts the last ones together. One request is one transaction: of it, every row is
written that is not refused, and each that is refused is named by its line.
"""
