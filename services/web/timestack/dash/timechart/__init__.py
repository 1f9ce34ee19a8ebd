"""Time charts: lines over years, read again at the resolution of the screen wherever one looks.

What is drawn: ``line``; how the browser is told: ``skeleton``; a range in an address: ``ranges``;
its rows as a file: ``download``; whose clock: ``zone``. The chart on its page, with its buttons,
states and callbacks: ``chart``. The drawing is the browser's: assets/chart.js and those it names.
"""

from timestack.dash.timechart.chart import DailyChart, TimeChart
from timestack.dash.timechart.line import Band, Line, hypertable_line

__all__ = ["Band", "DailyChart", "Line", "TimeChart", "hypertable_line"]
