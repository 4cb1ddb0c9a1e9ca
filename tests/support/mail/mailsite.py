"""A site with a digest planned for some readers, and a clock that a test moves."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from publisher.app import App
from publisher.config import load
from publisher.core.delivery.mailing import DeliveryState, Mailing
from publisher.services.delivery.outcomes import DeliveryStats
from publisher.services.subscribers.import_csv import import_readers

# Long past, and years of it are: mail by SMTP is refused to a clock that is ahead.
START = datetime(2020, 10, 6, 9, tzinfo=UTC)
TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2020"
postal_address = "1 Quay Street"
[[lists]]
slug = "daily"
from = "The Harbour <news@harbour.example>"
cadence = "daily"
at = "08:00"
"""
RELAY = """
[[mail.relays]]
host = "127.0.0.1"
"""


def readers(number: int, domain: str = "example.org") -> list[str]:
    """reader001@..., and so on."""
    return [f"reader{n:03}@{domain}" for n in range(1, number + 1)]


class MailSite:
    """The site; `port` is a mail server's on this machine, without one mail goes to the outbox. `mail` and
    `relay` are more lines of [mail] and of the relay; `security` is what protects the line. `store` is the
    URL of an empty database; without one the store is a file.
    """

    def __init__(
        self,
        folder: Path,
        addresses: Sequence[str],
        *,
        port: int = 0,
        mail: str = "",
        relay: str = "",
        security: str = "none",
        batch: int = 500,
        store: str = "",
    ) -> None:
        self.folder, self.now, self.addresses = folder, START, list(addresses)
        way = f'[mail]\ntransport = "{"smtp" if port else "outbox"}"\n{mail}\n'
        way += f'{RELAY}security = "{security}"\nport = {port}\n{relay}\n' if port else ""
        toml = f"{TOML}{way}[queue]\nbatch = {batch}\n"
        if store:
            self._begin(f'{toml}[store]\nurl = "{store}"\n')
        elif folder.exists():
            self._begin(toml)
        else:  # nobody was talked to yet, so it is the same with every port
            shutil.copytree(_begun(toml.replace(f"port = {port}\n", "port = 25\n"), *addresses), folder)
            (folder / "publisher.toml").write_text(toml, encoding="utf-8")

    def _begin(self, toml: str) -> None:
        (self.folder / "posts").mkdir(parents=True)
        (self.folder / "publisher.toml").write_text(toml, encoding="utf-8")
        self.now = START - timedelta(days=1)
        app = self.app()
        app.publish()
        spec = app.settings.lists[0]
        list(import_readers(app.deps, spec, enumerate(self.addresses, 1), self.now, confirmed=True))
        app.close()
        self.now = START
        self.post("new.md")

    def post(self, name: str) -> None:
        """A post of now, and the digest with it, planned and not sent."""
        text = f"---\ntitle: {name}\ndate: {self.now:%Y-%m-%d}\n---\nWords of {name}.\n"
        (self.folder / "posts" / name).write_text(text, encoding="utf-8")
        app = self.app()
        app.publish()
        app.close()

    def app(self) -> App:
        """The site, opened anew, as a process that just started has it."""
        return App(load(self.folder), clock=lambda: self.now, environ={})

    def mailed(self, name: str) -> Counter[str]:
        """Who has how many copies of the digest with the post `name`, in the outbox."""
        found: Counter[str] = Counter()
        for file in (self.folder / "outbox").glob("*.eml"):
            head, _, body = file.read_bytes().partition(b"\r\n\r\n")
            if b"Words of " + name.encode() in body:
                found[head.partition(b"\r\nTo: ")[2].partition(b"\r\n")[0].decode()] += 1
        return found

    def deliver(self, *, minutes: float = 0) -> DeliveryStats:
        """Moves the clock on, then sends what is due."""
        self.now += timedelta(minutes=minutes)
        app = self.app()
        tally, _ = app.deliver()
        app.close()
        return tally

    def mailing(self, id: int = 1) -> Mailing:
        app = self.app()
        found = app.store.mailing(id)
        app.close()
        assert found is not None
        return found

    def counts(self, id: int = 1) -> dict[str, int]:
        return {state.value: number for state, number in self.mailing(id).counts.items() if number}

    def attempts(self) -> list[int]:
        """Of each delivery, in order."""
        app = self.app()
        with app.store._db.read() as connection:  # type: ignore[attr-defined]  # what no door shows
            rows = connection.exec_driver_sql("SELECT attempts FROM deliveries ORDER BY mailing, n").all()
        app.close()
        return [row[0] for row in rows]


_FOLDER = tempfile.TemporaryDirectory()


@cache
def _begun(toml: str, *addresses: str) -> Path:
    """The folder of such a site, as it is when its first digest is planned. Made once, for copies."""
    site = MailSite.__new__(MailSite)
    site.folder, site.addresses = Path(tempfile.mkdtemp(dir=_FOLDER.name)) / "site", list(addresses)
    site._begin(toml)
    return site.folder


def settled(mailing: Mailing) -> bool:
    """accepted + rejected + deferred + unknown + skipped + cancelled = planned: nothing is held by a run."""
    open = mailing.counts.get(DeliveryState.CLAIMED, 0) + mailing.counts.get(DeliveryState.SENDING, 0)
    return not open and sum(mailing.counts.values()) == mailing.planned
