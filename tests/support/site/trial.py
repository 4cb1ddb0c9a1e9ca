"""Trials: what an operator does beside a working `publisher run`, and what then has to be true.

    Trial("Rotate the relay's password", "...", file("password", "new"), relay_password("new"), ...)

A trial is a row: its name, what happens in the words of the documentation, and steps, each of which acts or
waits for what it expects. A `Bench` carries them out on a site with three readers, whose mail goes to a real
SMTP server, while a client asks for feeds and pages all the time. Whatever a trial does, at its end
(`Bench.end`) no request has failed, no feed has gone back to what it was before, the ledger and the server
agree on every message, each reader has each post once, and a new post still reaches everybody.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import httpx
from smtp_server import Hold, Moment, SmtpServer

READERS = ("ann@example.org", "bob@example.org", "cy@example.org")
PATHS = ("/feed.atom", "/feed.json", "/subscribe/daily", "/healthz")
FEEDS = ("/feed.atom", "/feed.json")
PATIENCE_SECONDS = 60
SAME_LINES = 3
"""How often one service may log the same line: a fault has one where it begins and one where it ends."""

BASE: Mapping[str, Any] = {
    "site.title": "The Harbour",
    "site.url": "https://harbour.example/",
    "site.id_authority": "harbour.example,2024",
    "site.language": "en",
    "site.timezone": "UTC",
    "site.postal_address": "1 Quay Street",
    "feeds.slug": "feed",
    "lists.slug": "daily",
    "lists.title": "The Harbour, daily",
    "lists.from": "The Harbour <news@harbour.example>",
    "lists.cadence": "immediate",
    "lists.min_gap": "0m",
    "mail.transport": "smtp",
    "mail.relays.host": "127.0.0.1",
    "mail.relays.security": "none",
    "mail.relays.username": "me",
    "mail.relays.password_file": "password",
    "web.listen": "127.0.0.1:0",
    "schedule.publish_every": "1s",
}
"""The settings of the site: those of lists, feeds and relays are of the only one."""

TABLES = ("feeds", "lists", "mail.relays")


def toml(values: Mapping[str, Any], more: str = "") -> str:
    """publisher.toml with these values by full names; None leaves one out. `more` is added as it is."""
    sections: dict[str, list[str]] = {}
    for name, value in values.items():
        section, _, key = name.rpartition(".")
        sections.setdefault(section, [])
        if value is not None:
            sections[section].append(f"{key} = {inline(value)}")
    heads = {name: f"[[{name}]]" if name in TABLES else f"[{name}]" for name in sections}
    ordered = sorted(filter(sections.get, sections), key=lambda name: (name.count("."), name))
    return "\n".join("\n".join([heads[name], *sections[name], ""]) for name in ordered) + more


def inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {inline(it)}" for key, it in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


class Bench:
    """A site at work. `start` is what starts `publisher run` on a site: `Running` of the tests' conftest.
    `values` are settings beside those of `BASE`.
    """

    def __init__(self, site: Any, relay: SmtpServer, start: Callable[..., Any], **values: Any) -> None:
        self.site, self.relay, self.folder = site, relay, site.folder
        self.values = {**BASE, "mail.relays.port": relay.port, **values}
        self.more = ""
        self.environ: dict[str, str] = {}
        self.others: list[Any] = []
        self.unknown = self.starts = 0
        self.log: list[str] = []
        self.failed: list[tuple[str, object]] = []
        self.seen: dict[str, list[str]] = {path: [] for path in FEEDS}
        self.start, self._number = start, 0
        self.asking, self._ended = threading.Lock(), threading.Event()
        self.write()
        self.server: Any = None
        self.up()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def write(self) -> None:
        self.site.settings(toml(self.values, self.more))

    def path(self, name: str) -> Path:
        found: Path = self.folder / name
        return found

    def number(self) -> int:
        """Another one each time."""
        self._number += 1
        return self._number

    # The service and its client

    def up(self, *args: str, **environ: str) -> None:
        """Starts the service."""
        self.environ = environ or self.environ
        self.starts += 1
        self.server = self.start(self.site, *args, **self.environ)
        self.log += self.server.said
        self.reading = threading.Thread(target=self._read, args=(self.server.process.stderr,))
        self.reading.start()

    def _read(self, stderr: TextIO) -> None:
        with stderr:
            self.log.extend(stderr)

    def down(self, number: int = signal.SIGTERM) -> int:
        """Ends the service by a signal; its exit code."""
        self.server.http.close()
        self.server.process.send_signal(number)
        code: int = self.server.process.wait(PATIENCE_SECONDS)
        self.reading.join()
        return code

    def kill(self) -> None:
        """Ends whatever still runs."""
        self._ended.set()
        self._thread.join()
        for running in (self.server, *self.others):
            if running.process.poll() is None:
                running.process.kill()
                running.process.wait(PATIENCE_SECONDS)
        self.reading.join()

    @contextmanager
    def unasked(self) -> Iterator[None]:
        """The client waits meanwhile, because the service is down."""
        with self.asking:
            yield

    def _ask(self) -> None:
        with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client:
            while not self._ended.wait(0.02):
                with self.asking:
                    for path in PATHS:
                        self._ask_for(client, path)

    def _ask_for(self, client: httpx.Client, path: str) -> None:
        try:
            answer = client.get(self.server.url + path)
        except httpx.HTTPError as error:
            self.failed.append((path, repr(error)))
            return
        if answer.status_code != 200:
            self.failed.append((path, answer.status_code))
        elif path in FEEDS:
            made = hashlib.sha256(answer.content).hexdigest()
            if self.seen[path][-1:] != [made]:
                self.seen[path].append(made)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.server.url + path, trust_env=False, timeout=PATIENCE_SECONDS)

    # What is seen from outside

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < until, f"{what}: did not happen; {self.state()}"
            time.sleep(0.05)

    def state(self) -> str:
        return f"status {self.site.run('status').stdout[-900:]}, log {''.join(self.log)[-2000:]}"

    def problems(self) -> list[str]:
        """What `status` names; that nobody answers at an address for examples is no matter."""
        rows = self.site.json("status")["problems"]
        return [f"{row['area']}: {row['text']}" for row in rows if row["area"] != "public url"]

    def service(self) -> dict[str, Any]:
        found: dict[str, Any] = self.site.json("status")["service"]
        return found

    def copies(self, title: str) -> Counter[str]:
        """How many mails with this post each address was sent, by SMTP and into the outbox."""
        words = b"Words of " + title.encode()
        found = Counter(it.rcpt_to for it in self.relay.accepted if words in it.data)
        files = self.site.outbox.glob("*.eml") if self.site.outbox.is_dir() else ()
        for data in (file.read_bytes() for file in files):
            if words in data:
                found[data.partition(b"\r\nTo: ")[2].partition(b"\r\n")[0].decode()] += 1
        return found

    def titles(self) -> list[str]:
        return [item["title"] for item in self.get("/feed.json").json()["items"]]

    def news(self, title: str) -> None:
        """A new post, which every reader has a moment later."""
        write_post(self, title)
        self.wait(lambda: title in self.titles(), f"{title} is in the feed")
        self.wait(lambda: set(READERS) <= self.copies(title).keys(), f"everybody has {title}")

    def end(self, *, works: bool = True, allows: Collection[object] = ()) -> None:
        """Checks what every trial has to leave behind, and stops the service. `allows` are statuses that the
        client may have got.
        """
        try:
            if works:
                self.news(f"the end {self.number()}")
                self.wait(lambda: self.problems() == [], "nothing is wrong at the end")
        finally:
            self._ended.set()
            self._thread.join()
        self.wait(lambda: self.relay.open == 0, "the last message is answered")
        assert self.down() == 0, self.log
        for other in self.others:
            other.stop()
        failed = Counter(it for it in self.failed if it[1] not in allows)
        assert failed == {}
        for path, versions in self.seen.items():
            assert len(versions) == len(set(versions)), f"{path} went back to what it was before"
        repeated = {
            line: number
            for line, number in Counter(self.log).items()
            if number > SAME_LINES * self.starts and not line.startswith("info ")
        }
        assert repeated == {}
        log = "".join(self.log)
        assert "Traceback" not in log, log
        self.check_ledger()

    def check_ledger(self) -> None:
        """Ledger, SMTP server and outbox agree, and nobody has a post twice."""
        counts: Counter[str] = Counter()
        for mailing in self.site.json("mailings", "list"):
            counts.update(mailing["counts"])
        outbox = len(list(self.site.outbox.glob("*.eml"))) if self.site.outbox.is_dir() else 0
        arrived = len(self.relay.accepted) + outbox
        assert counts["unknown"] <= self.unknown
        assert counts["accepted"] <= arrived <= counts["accepted"] + counts["unknown"]
        assert counts["queued"] == counts["claimed"] == counts["sending"] == 0
        titles = {
            title.decode()
            for message in self.relay.accepted
            for title in re.findall(rb"Words of ([\w ]+)", message.data)
        }
        for title in titles:
            assert max(self.copies(title).values()) == 1, (title, self.copies(title))


Step = Callable[[Bench], None]


@dataclass(frozen=True)
class Trial:
    """One row. `outcome` is what the documentation says of it."""

    name: str
    outcome: str
    steps: Sequence[Step]
    quick: bool = False
    """Whether it is in the default suite too."""
    works: bool = True
    """Whether a new post reaches everybody at the end."""
    allows: Collection[object] = ()
    """Statuses that requests may get meanwhile."""
    rules: Sequence[Callable[[Moment], Any]] = field(default=())
    """What the SMTP server does; see smtp_server."""

    def carry_out(self, bench: Bench) -> None:
        for step in self.steps:
            step(bench)


def write_post(bench: Bench, title: str, name: str = "", *, ahead: float = 0, text: str = "") -> None:
    at = datetime.now(UTC) + timedelta(seconds=ahead)
    head = f"---\ntitle: {title}\ndate: {at.isoformat()}\n---\n"
    bench.site.post(name or f"{title.replace(' ', '-')}.md", f"{head}{text or f'Words of {title}.'}\n")


# Steps: an operator's


def edit(changes: Mapping[str, Any], more: str = "") -> Step:
    """Writes publisher.toml with these values in place of those that it has."""

    def act(bench: Bench) -> None:
        bench.values |= changes
        bench.more = more
        bench.write()

    return act


def file(name: str, text: str | bytes, mode: int = 0o600) -> Step:
    def act(bench: Bench) -> None:
        path = bench.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        draft.write_bytes(text.encode() if isinstance(text, str) else text)
        draft.chmod(mode)
        draft.replace(path)

    return act


def rename(name: str, to: str) -> Step:
    return lambda bench: bench.path(name).replace(bench.path(to)) and None


def remove(name: str) -> Step:
    def act(bench: Bench) -> None:
        path = bench.path(name)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    return act


def post(title: str, name: str = "", *, ahead: float = 0, text: str = "") -> Step:
    return lambda bench: write_post(bench, title, name, ahead=ahead, text=text)


def news(title: str) -> Step:
    return lambda bench: bench.news(title)


def command(*args: str, code: int = 0, says: str = "", **environ: str) -> Step:
    """`publisher ARGS` with this exit code, whose last words on stderr or stdout hold `says`; {n} in an
    argument is another number each time.
    """

    def act(bench: Bench) -> None:
        number = bench.number()
        done = bench.site.run(
            *(word.format(n=number, folder=bench.folder) for word in args), code=None, **environ
        )
        told = done.stderr + done.stdout
        assert done.returncode == code, f"{args}: {done.returncode}: {told}; {bench.state()}"
        assert says in told, f"{args}: {told}"
        if code:
            lines = [line for line in done.stderr.strip().splitlines() if "; waiting for " not in line]
            assert len(lines) <= 2, done.stderr

    return act


def tell(number: int) -> Step:
    """Sends a signal to the service."""
    return lambda bench: os.kill(bench.server.process.pid, number)


def restart(*args: str, by: int = signal.SIGTERM, **environ: str) -> Step:
    def act(bench: Bench) -> None:
        with bench.unasked():
            code = bench.down(by)
            assert code == (0 if by == signal.SIGTERM else -by)
            if by == signal.SIGKILL:
                bench.unknown += len(READERS)  # what was under way may be in doubt, and is named as such
            bench.up(*args, **environ)

    return act


def do(act: Callable[[Bench], Any]) -> Step:
    """Anything else."""
    return lambda bench: act(bench) and None


# Steps: what has to be true


def taken_up(*names: str) -> Step:
    """The service goes by new settings, and its log names what changed."""
    line = f"changed={','.join(names)}"

    def expect(bench: Bench) -> None:
        bench.wait(lambda: line in "".join(bench.log), line)
        bench.wait(lambda: not bench.service()["problem"], "no problem")

    return expect


def problem(text: str) -> Step:
    """`status` names it."""
    return lambda bench: bench.wait(lambda: any(text in it for it in bench.problems()), f"problem {text}")


def fine() -> Step:
    return lambda bench: bench.wait(lambda: bench.problems() == [], "no problem")


def shows(path: str, text: str) -> Step:
    return lambda bench: bench.wait(lambda: text in bench.get(path).text, f"{path} shows {text}")


def hides(path: str, text: str) -> Step:
    return lambda bench: bench.wait(lambda: text not in bench.get(path).text, f"{path} has no {text}")


def logs(text: str) -> Step:
    return lambda bench: bench.wait(lambda: text in "".join(bench.log), f"the log says {text}")


def mail_has(text: str, title: str) -> Step:
    """Every mail with this post holds this text."""

    def expect(bench: Bench) -> None:
        found = [it.data for it in bench.relay.accepted if f"Words of {title}".encode() in it.data]
        assert found
        assert all(text.encode() in data for data in found), found[0].decode()

    return expect


def copies(title: str, number: int = 1) -> Step:
    """Everybody has so many mails with this post."""
    wanted = dict.fromkeys(READERS, number) if number else {}
    return lambda bench: bench.wait(lambda: dict(bench.copies(title)) == wanted, f"{number} of {title}")


def held(hold: Hold) -> Step:
    """The SMTP server has a message and does not answer yet."""
    return lambda bench: bench.wait(hold.reached.is_set, "a message is held")


def let_go(hold: Hold) -> Step:
    return lambda _: hold.go.set()
