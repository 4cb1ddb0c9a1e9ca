"""A site in a folder of its own, worked through the real command line."""

import email
import email.policy
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
import warm
from mail_linter import lint

TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
language = "en"
timezone = "Asia/Phnom_Penh"
id_authority = "harbour.example,2024"
author = {name = "Sok Dara"}
postal_address = "1 Quay Street"

[[lists]]
slug = "daily"
title = "The Harbour, daily"
from = "The Harbour <news@harbour.example>"
cadence = "daily"
at = "16:00"

[web]
listen = "127.0.0.1:0"
"""


class Site:
    """One site and what can be seen of it from outside."""

    fresh = False
    """Whether each command gets a Python that has just started; see tests/support/site/warm.py."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.posts = folder / "posts"
        self.public = folder / "public"
        self.outbox = folder / "outbox"
        self.posts.mkdir(parents=True)
        self.settings(TOML)

    def settings(self, text: str) -> None:
        (self.folder / "publisher.toml").write_text(text, encoding="utf-8")

    def post(self, name: str, text: str) -> Path:
        file = self.posts / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def run(
        self,
        *args: str,
        code: int | None = 0,
        before: Sequence[str] = (),
        **environ: str,
    ) -> subprocess.CompletedProcess[str]:
        """`publisher ARGS --site`, with `before` in front: fails the test where the exit code is another."""
        command = [*args, "--site", str(self.folder)]
        env = bare() | environ
        if before:
            done = subprocess.run(
                [*before, *warm.COMMAND, *command], capture_output=True, text=True, env=env, timeout=120
            )
        else:
            done = warm.run(command, env, fresh=self.fresh)
        assert code is None or done.returncode == code, (
            f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, *args: str, code: int = 0) -> Any:
        return json.loads(self.run(*args, "--json", code=code).stdout)

    def publish(self, at: str, *args: str, code: int | None = 0, **environ: str) -> str:
        return self.run("publish", "--at", at, *args, code=code, **environ).stderr

    def reader(self, address: str, at: str) -> None:
        """A confirmed reader of the daily list, from `at` on."""
        self.run("subscribers", "add", address, "--list", "daily", "--confirmed", "--at", at)

    def read(self, name: str) -> bytes:
        return (self.public / name).read_bytes()

    def documents(self) -> dict[str, bytes]:
        """Every document under public/ by path."""
        found = sorted(file for file in self.public.rglob("*") if file.is_file())
        return {file.relative_to(self.public).as_posix(): file.read_bytes() for file in found}

    def mails(self) -> list[EmailMessage]:
        """Every message in the outbox, in the order of its name; each keeps every rule of headers."""
        files = sorted(self.outbox.glob("*.eml")) if self.outbox.is_dir() else []
        for file in files:
            lint(file.read_bytes())
        return [parse(file.read_bytes()) for file in files]

    def mails_to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails() if mail["To"] == address]

    def feed(self) -> Any:
        return json.loads(self.read("feed.json"))


def bare() -> dict[str, str]:
    """The environment without any setting of Publisher's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PUBLISHER_")}


def parse(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str:
    """The decoded text of the plain or html part."""
    body = message.get_body((kind,))
    assert body is not None
    content = body.get_content()
    assert isinstance(content, str)
    return content


class Running:
    """`publisher run` as a process of its own."""

    def __init__(self, site: Site, *args: str, **environ: str) -> None:
        command = ["run", *args, "--site", str(site.folder)]
        self.process = warm.start(command, bare() | environ, stderr=subprocess.PIPE, fresh=site.fresh)
        self.said: list[str] = []
        self.url = self._url()
        self.http = httpx.Client(base_url=self.url, trust_env=False)

    def _url(self) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            found = re.search(r"http://[\d.]+:\d+", line)
            if found:
                return found[0]
        raise AssertionError("".join(self.said))

    def stop(self) -> int:
        """SIGTERM, and the exit code once everything in flight is finished."""
        self.http.close()
        self.process.send_signal(signal.SIGTERM)
        _, rest = self.process.communicate(timeout=30)
        self.said.append(rest)
        return self.process.returncode


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def running(site: Site) -> Iterator[Any]:
    """Starts `publisher run` on the site; stops what the test did not."""
    started: list[Running] = []

    def start(*args: str, **environ: str) -> Running:
        started.append(Running(site, *args, **environ))
        return started[-1]

    yield start
    for one in started:
        one.http.close()
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


@pytest.fixture
def mail_part() -> Any:
    return part


@pytest.fixture
def wait_for() -> Any:
    """Polls until a condition holds: for what another process does in its own time, which a busy machine may
    stretch. What has not happened after two minutes never will.
    """

    def wait(condition: Any) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in two minutes"
            time.sleep(0.05)

    return wait


class Again(Site):
    """A site that stands already."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.posts = folder / "posts"
        self.public = folder / "public"
        self.outbox = folder / "outbox"


@pytest.fixture(scope="session")
def running_site() -> Any:
    """Starts `publisher run` on a given site; the caller stops it."""
    return Running


@pytest.fixture(scope="session")
def new_site() -> Any:
    return Site


@pytest.fixture(scope="session")
def same_site() -> Any:
    return Again
