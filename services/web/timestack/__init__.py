"""Timestack: time series in TimescaleDB behind Flask, Dash and Celery."""

__version__ = "0.1.0"
