"""What a service tells systemd (sd_notify(3)), where it is started by it."""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

READY, STOPPING, WATCHDOG = "READY=1", "STOPPING=1", "WATCHDOG=1"


def reloading() -> str:
    """That settings are being taken up; `READY` ends it. The time is that of systemd's clock, in µs."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"


def notify(message: str, environ: Mapping[str, str] = os.environ) -> None:
    """Sends a message to the socket that NOTIFY_SOCKET names, if any. Never fails: nobody depends on it."""
    address = environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in {"/", "@"}:
        return
    with (
        suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line,
    ):
        line.sendto(message.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> timedelta | None:
    """How long systemd waits for `WATCHDOG` before it restarts this process; None if it does not watch it."""
    length, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not length.isdecimal() or (pid and pid != str(os.getpid())):
        return None
    return timedelta(microseconds=int(length))
