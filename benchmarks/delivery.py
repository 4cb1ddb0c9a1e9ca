"""How fast mail leaves, against the fastest sender there is, in the same run.

41 kB personalised messages over 10 connections to Postfix's smtp-sink on this machine. The limit is Postfix's
own load generator, `smtp-source -d -s 10`: it sends one fixed message and records nothing. Publisher's go
through the real service: each reader's own bytes, an intent on disk before the end of each message, an
outcome on disk after it (SQLite, synchronous=FULL). Goals: signed twice (RSA-2048 and Ed25519) at least half
the limit, signed by Ed25519 and unsigned at least 0.7 of it. For comparison, loops of smtplib and aiosmtplib
sign nothing, record nothing and send one fixed message.
"""

import asyncio
import contextlib
import gc
import json
import os
import shutil
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks.table import table

READERS, PEER_MESSAGES, CONNECTIONS, SIZE, TIMES = 20_000, 3_000, 10, 41_000, 3
POSTFIX = ("smtp-sink", "smtp-source")
FIRST = datetime(2026, 10, 5, 6, tzinfo=UTC)
TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2026"
[[lists]]
slug = "daily"
from = "The Harbour <news@harbour.example>"
cadence = "daily"
at = "06:00"
[mail]
transport = "smtp"
[[mail.relays]]
host = "127.0.0.1"
port = {port}
security = "none"
connections = {connections}
[mail.bounces]
address = "bounces@harbour.example"
"""


def main() -> str:
    """Runs the comparison; returns its table."""
    rows = [["what", "messages a second", "of the limit", "goal"]]
    if not all(map(shutil.which, POSTFIX)):
        return table("Delivery", [*rows, ["Postfix's smtp-sink and smtp-source are not here", "", "", ""]])
    with tempfile.TemporaryDirectory() as name, sink() as port:
        folder = Path(name)
        ready = prepare(folder / "ready", port, READERS)
        limit = _median(lambda: READERS / _source(port, READERS))
        rows.append([f"smtp-source -d -s {CONNECTIONS}", f"{limit:,.0f}", "1.00", ""])
        for label, goal, dkim in CASES:
            speed = _median(partial(_speed, ready, folder / "sent", dkim))
            rows.append([label, f"{speed:,.0f}", f"{speed / limit:.2f}", goal])
        for label, peer in PEERS:
            speed = PEER_MESSAGES / peer(port, PEER_MESSAGES)
            rows.append([label, f"{speed:,.0f}", f"{speed / limit:.2f}", ""])
    return table("Delivery", rows)


def million(readers: int = 1_000_000) -> str:
    """The memory that a mailing to a million takes, once: `python -m benchmarks.delivery million`."""
    rows = [["what", "seconds", "most memory", "goal"]]
    with tempfile.TemporaryDirectory() as name, sink() as port:
        ready = prepare(Path(name) / "ready", port, readers)
        found = send(ready, Path(name) / "sent", readers, "")
        rows.append(
            [f"{readers:,} deliveries", f"{found['seconds']:,.0f}", f"{found['peak']:.0f} MB", "150 MB"]
        )
    return table("A million deliveries", rows)


@contextlib.contextmanager
def sink() -> Iterator[int]:
    """smtp-sink on a free port: takes everything, keeps nothing."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    who = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = ["smtp-sink", *who, f"127.0.0.1:{port}", "256"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def prepare(folder: Path, port: int, readers: int) -> Path:
    """A site whose digest of 41 kB is planned for so many readers and not yet sent."""
    from publisher.app import App
    from publisher.config import load

    (folder / "posts").mkdir(parents=True)
    (folder / "publisher.toml").write_text(TOML.format(port=port, connections=CONNECTIONS))
    keys(folder)
    app = App(load(folder), clock=lambda: FIRST)
    app.publish()
    people = folder / "readers.csv"
    people.write_text("email\n" + "".join(f"reader{n:07}@example.org\n" for n in range(readers)))
    command = [sys.executable, "-m", "publisher", "subscribers", "import", str(people), "--list", "daily"]
    command += ["--confirmed", "--at", FIRST.isoformat(), "--site", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    words = "The tide was out and the boats lay on the mud while the gulls walked between them. "
    for n in range(6):
        text = f"---\ntitle: Post {n}\ndate: 2026-10-05T07:0{n}:00Z\n---\n" + (words * 8 + "\n\n") * 3
        (folder / "posts" / f"{n}.md").write_text(text)
    later = App(load(folder), clock=lambda: FIRST + timedelta(days=1))
    later.publish()
    later.close()
    app.close()
    return folder


def keys(folder: Path) -> None:
    """An RSA and an Ed25519 key."""
    command = [sys.executable, "-m", "publisher", "keys", "dkim", "p1", "--site", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def send(ready: Path, folder: Path, readers: int, dkim: str) -> dict[str, float]:
    """Delivers the prepared site's mailing in a process of its own; what it measured."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ready, folder)
    with (folder / "publisher.toml").open("a") as settings:
        settings.write(dkim)
    command = [sys.executable, "-m", "benchmarks.delivery", str(folder), str(readers)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _send(folder: Path, readers: int) -> None:
    """In that process: only the delivery is timed."""
    from publisher.app import App
    from publisher.config import load

    gc.set_threshold(200_000, 20, 50)  # as the command does
    now = FIRST + timedelta(days=1)
    app = App(load(folder), clock=lambda: now)
    app.deps.adapters.store.circuit_breakers()  # what a command loads first is no part of it
    begin = time.perf_counter()
    tally, unknown = app.deliver()
    seconds = time.perf_counter() - begin
    assert (tally.accepted, tally.total, unknown) == (readers, readers, 0), tally
    peak = next(int(line.split()[1]) for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "peak": peak / 1024}))


_STATUS = Path("/proc/self/status")
"""Of this process alone: getrusage counts what the one that started it had before it."""

_KEYS = "[mail.dkim]\nkeys = [{}]\n"
_RSA = '{selector = "p1", file = ".publisher/dkim/p1.pem"}'
_ED25519 = '{selector = "p1-ed25519", file = ".publisher/dkim/p1-ed25519.pem"}'
CASES = [
    ("Publisher, signed by RSA-2048 and Ed25519", "0.50", _KEYS.format(f"{_RSA}, {_ED25519}")),
    ("Publisher, signed by Ed25519", "0.70", _KEYS.format(_ED25519)),
    ("Publisher, unsigned", "0.70", ""),
]


def _speed(ready: Path, folder: Path, dkim: str) -> float:
    return READERS / send(ready, folder, READERS, dkim)["seconds"]


def _source(port: int, number: int) -> float:
    """Seconds that smtp-source takes."""
    begin = time.perf_counter()
    numbers = ["-s", str(CONNECTIONS), "-m", str(number), "-l", str(SIZE)]
    envelope = ["-f", "news@harbour.example", "-t", "ana@example.org"]
    subprocess.run(["smtp-source", "-d", *numbers, *envelope, f"127.0.0.1:{port}"], check=True)
    return time.perf_counter() - begin


_DATA = b"Subject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * (SIZE // 78)


def _smtplib(port: int, number: int) -> float:
    """Seconds that threads with smtplib take."""

    def work() -> None:
        with smtplib.SMTP("127.0.0.1", port) as server:
            for _ in range(number // CONNECTIONS):
                server.sendmail("news@harbour.example", ["ana@example.org"], _DATA)

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin


def _aiosmtplib(port: int, number: int) -> float:
    """Seconds that tasks with aiosmtplib take."""
    import aiosmtplib

    async def work() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as server:
            for _ in range(number // CONNECTIONS):
                await server.sendmail("news@harbour.example", ["ana@example.org"], _DATA)

    async def all_of_it() -> None:
        await asyncio.gather(*(work() for _ in range(CONNECTIONS)))

    begin = time.perf_counter()
    asyncio.run(all_of_it())
    return time.perf_counter() - begin


PEERS: list[tuple[str, Callable[[int, int], float]]] = [
    (f"smtplib, {CONNECTIONS} threads, one fixed message, no records", _smtplib),
    (f"aiosmtplib, {CONNECTIONS} tasks, one fixed message, no records", _aiosmtplib),
]


def _median(run: Callable[[], float]) -> float:
    return statistics.median(run() for _ in range(TIMES))


if __name__ == "__main__":
    if sys.argv[1:] == ["million"]:
        print(million())
    elif len(sys.argv) > 1:
        _send(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        print(main())
