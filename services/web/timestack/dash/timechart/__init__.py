"""Time charts: a line over years, read again at the resolution of the screen wherever one looks.

What is drawn and how it is read: ``line``. From series to a figure: ``figure``, ``caption``; what a
range means: ``ranges``. The chart on its page, with its buttons, states and callbacks: ``chart``.
"""

from timestack.dash.timechart.chart import DailyChart, TimeChart
from timestack.dash.timechart.line import Band, Line, hypertable_line

__all__ = ["Band", "DailyChart", "Line", "TimeChart", "hypertable_line"]
