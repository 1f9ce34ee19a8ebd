"""Markets: candles of a ticker, its moving averages, and tickers compared."""

from timestack.dash.markets.page import PAGE

__all__ = ["PAGE"]
