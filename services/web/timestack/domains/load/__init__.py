"""Loading files into hypertables at COPY speed: all of a file or nothing of it.

The path of a row through the modules:

    source      opens the file: compressed, standard input, Parquet (parquet) as lines of CSV
                (pieces: a stream over what an iterator makes)
    text        turns other programs' CSV into PostgreSQL's: line ends, escaped quotes
    records     cuts the bytes into records, and these into blocks
    dialect     finds delimiter and header; layout says which cell fills which column
    feeder      takes each block, and counts; columnar checks it as a whole,
                diagnose names every fault of the rows of a faulty one
                (times, numbers: how a cell is read)
    chunks      makes the chunks that the block's rows lie in, before they arrive
    lanes       COPY the blocks over several connections; refusals explain PostgreSQL's errors
    staging     holds rows whose keys may collide, and merges them
    commit      commits every lane or none, and settles leftovers of killed loads

``run.load`` puts them together; ``table`` knows the table, ``errors`` the messages for a person.
Nothing is imported here: settling what a killed load left needs no Arrow.
"""
