"""The Forecast page: models of a ticker's direction, how each did on days that it had not seen.

The page is a function of its address, and what it shows of the database at the moment:

    page        the page itself: its layout, and the callbacks that keep it up to date
    address     what an address asks for
    view        what is read of the database, as the sections of the list
    listing     the forecasts as components; the jobs that make more (training)
    form        what a forecast is to be made by, as it was filled in (filled)
    one         one forecast as components, with what it found (findings) and learned (learned)
    comparison  several of them side by side
    chart       what the browser draws of them
    words       figures and settings, as the reader sees them
    actions     what a button, a dialog or the form does

It computes nothing: a worker does (``domains.forecast``).
"""

from timestack.dash.forecast.page import PAGE

__all__ = ["PAGE"]
