"""A real server over a real site: SQLite, the outbox, and a clock that the test moves."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from admin_login import TOML as ADMIN_TOML
from admin_login import Begin

from publisher.app import App
from publisher.app.secret_files import add_admin_token
from publisher.config import load
from publisher.web.server import Server

TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2024"

[[lists]]
slug = "daily"
title = "The Harbour, daily"
from = "The Harbour <news@harbour.example>"

[web]
public_url = "https://readers.example/"
"""

POST = "---\ntitle: Low tide\ndate: 2026-04-30T08:00:00Z\n---\n\nWords.\n"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Running:
    """A server in a thread of its own, and a client of it."""

    app: App
    clock: Clock
    server: Server
    http: httpx.Client
    thread: threading.Thread
    woken: list[datetime] = field(default_factory=list)

    @property
    def public(self) -> Path:
        return self.app.public

    def put(self, name: str, data: bytes) -> Path:
        """A document, as the shelf would place it, with the clock's time."""
        self.app.deps.adapters.public_folder.stage(name, data)
        self.app.deps.adapters.public_folder.place(name, self.clock.now.replace(microsecond=0))
        return self.public / name

    def stop(self) -> None:
        self.server.stop()
        self.thread.join(timeout=40)
        assert not self.thread.is_alive()


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the site of these settings, in a new folder or one that stands; stops it after the test."""
    started: list[Running] = []

    def begin(toml: str = TOML, folder: Path | None = None) -> Running:
        folder = folder or tmp_path / f"site{len(started)}"
        (folder / "posts").mkdir(parents=True, exist_ok=True)
        (folder / "publisher.toml").write_text(toml, encoding="utf-8")
        clock = Clock()
        app = App(load(folder), clock=clock, environ={})
        server = Server(app, "127.0.0.1:0")
        thread = threading.Thread(target=server.serve, daemon=True)
        http = httpx.Client(base_url=server.url, trust_env=False, timeout=20)
        running = Running(app, clock, server, http, thread)
        app.wake = lambda: running.woken.append(clock.now)
        thread.start()
        started.append(running)
        return running

    yield begin
    for running in started:
        running.http.close()
        running.stop()
        running.app.close()


@pytest.fixture
def site(start: Start) -> Running:
    """One running site."""
    return start()


@pytest.fixture
def begin(start: Any, tmp_path: Path) -> Iterator[Begin]:
    """Starts a site with admin pages; returns it, a browser of them, and the token of Ann."""
    with ExitStack() as open_ones:

        def begun(toml: str = ADMIN_TOML) -> tuple[Any, httpx.Client, str]:
            folder = tmp_path / "harbour"
            folder.mkdir()
            token = add_admin_token(folder / "tokens", "ann")
            site = start(toml, folder)
            url = f"http://127.0.0.1:{site.server.admin_port}"
            return (
                site,
                open_ones.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=20)),
                token,
            )

        yield begun
