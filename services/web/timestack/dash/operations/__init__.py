"""The Operations page, for administrators: how the stack is, and what to do.

page    the page: what is kept up to date, above the charts of the past
parts   a check, a table, the summary as components
"""

from timestack.dash.operations.page import PAGE

__all__ = ["PAGE"]
