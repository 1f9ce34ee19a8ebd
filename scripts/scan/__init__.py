"""The scanner of test results; see ``__main__``."""
