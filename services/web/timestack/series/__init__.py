"""Time series in the database: what is declared, how rollups are kept, how a range is read."""
