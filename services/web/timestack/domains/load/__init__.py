"""Loading files into hypertables at COPY speed: all of a file or nothing of it.

The way of a row, by modules:

    source      opens the file: compressed, standard input, Parquet (parquet) as lines of CSV
                (pieces: a stream over what an iterator makes)
    text        turns other programs' CSV into PostgreSQL's: line ends, escaped quotes
    records     cuts the bytes into records, and these into blocks
    dialect     finds delimiter and header; layout says which cell fills which column
    feeder      takes each block, and counts; columnar checks it as a whole,
                diagnose names every fault of the rows of one that is not sound
                (times, numbers: how a cell is read)
    chunks      makes the chunks that the block's rows lie in, before they arrive
    lanes       COPY the blocks over several connections; refusals say what PostgreSQL refused
    staging     holds rows that may meet others of their key, and merges them
    commit      commits every lane or none, and settles what a killed load left

``run.load`` puts them together; ``table`` knows the table, ``errors`` what a person is told.
Nothing is imported here: who only asks what a killed load left behind needs no Arrow.
"""
