"""Tickers and their prices.

``listing`` has the tickers and their days one by one, ``candles`` the bars and averages of a chart,
``comparison`` several tickers on one scale; ``spans`` says which days are meant.
"""
