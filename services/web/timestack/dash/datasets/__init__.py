"""The Datasets page: what hypertables there are, files that become others, and one of them closely.

The page is a function of its address, and what it shows of the database at the moment:

    page      the page itself: its layout, and the callbacks that keep it up to date
    address   what an address asks for
    entries   the datasets that the reader may see
    view      what is read of the database, as the sections of the page
    listing   all datasets as components
    files     where a file is taken, and the reader's files
    upload    a file that becomes a dataset, by a form (columns), as it was filled in (filled)
    one       one dataset as components, with its figures and rows (figures) and chart (chart)
    actions   what a button or a dialog (dialog) does
"""

from timestack.dash.datasets.page import PAGE

__all__ = ["PAGE"]
