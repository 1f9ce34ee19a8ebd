"""The Alerts page: what fires and is pending, the rules, what was; editors silence.

The page is a function of its address, and what it shows of the database at the moment:

    page      the page itself: its layout, and the callbacks that keep it up to date
    view      what is read of the database, as the sections of the page
    parts     an alert, a rule, an entry of the history as components
    actions   what a button does
"""

from timestack.dash.alerts.page import PAGE

__all__ = ["PAGE"]
