"""The only place that picks the parts, reads the clock and makes randomness."""

from publisher.app.clock import fixed, wall_clock
from publisher.app.keys import DkimRecord, dkim_keys
from publisher.app.packaged import packaged
from publisher.app.site import REST, SCHEDULE, App, Report

__all__ = [
    "REST",
    "SCHEDULE",
    "App",
    "DkimRecord",
    "Report",
    "dkim_keys",
    "fixed",
    "packaged",
    "wall_clock",
]
