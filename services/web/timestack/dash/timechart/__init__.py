"""Time charts: a line over years, read again at the resolution of the screen wherever one looks.

What is drawn and how it is read: ``line``. From series to a figure: ``figure``, ``caption``; what a
range means: ``ranges``; what is new while it is live: ``live``; its rows as a file: ``download``.
The chart on its page, with its buttons, states and callbacks: ``chart``.
"""

from timestack.dash.timechart.chart import DailyChart, TimeChart
from timestack.dash.timechart.line import Band, Line, Rows, hypertable_line

__all__ = ["Band", "DailyChart", "Line", "Rows", "TimeChart", "hypertable_line"]
