"""The Jobs page: what runs, waits and failed; start, cancel, retry, pause.

The page is a function of its address, and what it shows of the database at the moment:

    page      the page itself: its layout, and the callbacks that keep it up to date
    address   what an address asks for
    view      what is read of the database, as the sections of the page
    parts     a job, a count, a schedule as components
    form      a form made from the JSON schema of a kind's parameters
    actions   what a button does
"""

from timestack.dash.jobs.page import PAGE

__all__ = ["PAGE"]
