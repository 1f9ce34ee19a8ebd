"""Time series in the database: their declaration, their rollups, and reading a range."""
