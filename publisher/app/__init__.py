"""An open site. Only this layer picks adapters, reads the clock and draws random numbers."""

from publisher.app.app import REST, App, PublishReport
from publisher.app.container import fixed, packaged, wall_clock
from publisher.app.open_site import SCHEDULE

__all__ = [
    "REST",
    "SCHEDULE",
    "App",
    "PublishReport",
    "fixed",
    "packaged",
    "wall_clock",
]
