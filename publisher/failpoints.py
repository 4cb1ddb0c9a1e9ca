"""Failpoints: named steps at which a test can kill this process, as a power cut would.

PUBLISHER_FAILPOINT="deliver:intended" kills at the first pass, "deliver:intended:3" at the third.
"""

import os
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.ports import Failpoint


def failpoint(environ: Mapping[str, str]) -> "Failpoint":
    """The failpoint this process is armed with; one that does nothing where none is."""
    armed = environ.get("PUBLISHER_FAILPOINT", "")
    if not armed:
        return lambda _: None
    name, _, times = armed.rpartition(":")
    if not times.isdigit():
        name, times = armed, "1"
    left = int(times)

    def reach(step: str) -> None:
        nonlocal left
        if step == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return reach
