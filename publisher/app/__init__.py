"""An open site. Only this layer picks adapters, reads the clock and draws random numbers."""

from publisher.app.app import REST, App, PublishReport
from publisher.app.container import fixed, packaged, wall_clock
from publisher.app.open_site import SCHEDULE
from publisher.app.secret_files import DkimRecord, dkim_keys

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
