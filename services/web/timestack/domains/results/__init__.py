"""Results of tests: read from files of three formats, stored, and compared over runs."""
