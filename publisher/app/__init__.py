"""The only place that picks the parts, reads the clock and makes randomness."""

from publisher.app.app import REST, SCHEDULE, App, PublishReport
from publisher.app.clock import fixed, wall_clock
from publisher.app.container import packaged
from publisher.app.dkim_keys import DkimRecord, dkim_keys

__all__ = [
    "REST",
    "SCHEDULE",
    "App",
    "DkimRecord",
    "PublishReport",
    "dkim_keys",
    "fixed",
    "packaged",
    "wall_clock",
]
