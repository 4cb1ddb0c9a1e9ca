"""Where the store holds an address, a name or a network, and that erasing a person leaves none of them."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from mailsite import MailSite, readers
from returned import SAMPLES, report
from smtp_server import Say, SmtpServer, on
from sqlalchemy import JSON, LargeBinary, String, Text, select
from sqlalchemy.types import TypeDecorator

import publisher.stores.sql.store  # noqa: F401  # all tables
from publisher.core.addresses import parse_address
from publisher.core.delivery.bounces import return_path
from publisher.core.subscribers.confirmation_limits import SignUpOutcome
from publisher.core.tokens import KeyRing
from publisher.services.subscribers import departures, signup
from publisher.stores.sql.schema.columns import EnumMember, HexDigest, JsonText, metadata

PERSONAL = {
    "subscribers.address": "the address itself",
    "subscriptions.consent": "the network a reader signed up from, and what they agreed to",
    "deliveries.reply": "servers name the address they refuse",
    "bounces.reply": "as above",
    "bounce_reports.reply": "as above",
    "bounce_reports.message": "a bounce holds the message, and the address in many places",
    "tastes.topics": "what readers chose, which many may share",
    "tastes.language": "as above",
}
"""Columns that may hold something of a person in plain text, and what. `departures.export_data` shows them,
`erase` empties them, and `docs/explanation/personal-data.md` says how long each is kept.
"""

DOMAINS = {"asked_domains.domain", "brakes.scope", "batches.group"}
"""Columns that hold the domain of an address; the part before the @ is in none of them."""

NOBODYS = """
    acts.about acts.act acts.who addresses.path addresses.post_id archives.feed archives.members
    archives.part batches.run bodies.hash bodies.source brakes.reply cohorts.language cohorts.recipe
    counters.name deliveries.run documents.fingerprint documents.hash documents.path facts.name
    facts.value files.path files.value log.post_id log.revision mailing_posts.post_id
    mailing_posts.revision mailings.corrections mailings.hold_why mailings.list mailings.sender
    mailings.subject moves.path moves.target pings.hub pings.reply pings.topic pings.version
    post_terms.key posts.explicit_id posts.id posts.path posts.reader posts.revision posts.value
    problems.area problems.text redirects.path redirects.target relayed.relay relayed.run
    released_posts.post_id retagged.after retagged.before revisions.body_hash revisions.post_id
    revisions.revision revisions.value rhythms.cadence rhythms.day rhythms.hour rhythms.list
    rhythms.timezone routes.relay routes.transport said.value segments.data segments.hash service.host
    service.problem service.restart service.store service.token service.version
    settings_generations.digest settings_generations.values settings_generations.version
    subscriptions.list suppressions.list terms.key terms.label versions.marks versions.path views.feed
    views.label views.part views.rules webhook_topics.token webhook_topics.topic
"""
"""Columns of text about posts, documents, settings, operators and machines."""

ADDRESS, NETWORK = "reader001@example.org", "192.0.2.77"


def text_columns() -> set[str]:
    """Every column that can hold words: not numbers, times, words from a fixed set, and keyed hashes."""
    found: set[str] = set()
    for table in metadata.sorted_tables:
        for column in table.columns:
            kind = column.type
            if isinstance(kind, (EnumMember, HexDigest)):
                continue
            if isinstance(kind, TypeDecorator):
                kind = kind.impl_instance
            if isinstance(kind, (JSON, JsonText, LargeBinary, String, Text)):
                found.add(f"{table.name}.{column.name}")
    return found


def test_every_column_with_words_is_known_to_hold_something_of_a_person_or_nothing() -> None:
    """A new column: does it hold an address, a name, a network, or words of a server or a reader? Then
    `erase` and `export_data` cover it, it has an end, and it joins PERSONAL; otherwise it joins NOBODYS.
    """
    known = {*PERSONAL, *DOMAINS, *NOBODYS.split()}
    assert text_columns() - known == set()
    assert known - text_columns() == set()


def holding(site: MailSite, *words: str) -> set[str]:
    """The columns of the store in which one of `words` stands, in whatever case."""
    app = site.app()
    found: set[str] = set()
    with app.store._db.read() as connection:  # type: ignore[attr-defined]  # what no door shows
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)).mappings():
                found |= {f"{table.name}.{name}" for name in names_with(row, words)}
    app.close()
    return found


def names_with(row: Mapping[str, Any], words: tuple[str, ...]) -> set[str]:
    def said(value: object) -> str:
        return (value.decode("latin-1") if isinstance(value, bytes) else str(value)).lower()

    return {name for name, value in row.items() if any(word in said(value) for word in words)}


def test_who_is_erased_is_nowhere_whatever_servers_said_of_them(tmp_path: Path) -> None:
    gone = Say(f"550 5.1.1 <{ADDRESS}>: no such user reader001")
    busy = Say(f"451 4.3.0 <{ADDRESS}>: come back later, reader001")
    with SmtpServer(on("RCPT", gone, recipient=ADDRESS)) as server:
        mail = '[mail.bounces]\naddress = "back@harbour.example"\n'
        site = MailSite(tmp_path / "site", readers(3), port=server.port, mail=mail)
        site.deliver()
        site.deliver(minutes=60 * 24)
        server.rules = (on("RCPT", busy, recipient=ADDRESS),)
        site.now += timedelta(days=1)
        site.post("later.md")
        site.deliver()
    app = site.app()
    others = KeyRing(current=1, keys={1: b"x" * 32})
    path = return_path(parse_address("back@harbour.example"), 1, 2, others)
    spec = app.settings.lists[0]
    for n, (name, sample) in enumerate(SAMPLES.items()):
        values = {"to": path, "path": path, "id": f"{n}@x.example", "reader": ADDRESS.replace("r", "R", 1)}
        assert app.read_bounce(sample.text.format(**values).encode()), name
    path = return_path(parse_address("back@harbour.example"), 1, 1, app.ring)
    values = {"to": path, "path": path, "id": "9@x.example", "reader": ADDRESS}
    assert app.read_bounce(report("undeliverable", "").format(**values).encode())
    departures.unsubscribe(app.deps, ADDRESS, spec, site.now)
    assert signup.sign_up(app.deps, [spec], ADDRESS, NETWORK, site.now) is SignUpOutcome.ASK
    signup.sign_up(app.deps, [spec], "new@example.org", "198.51.100.1", site.now)
    app.close()
    site.deliver()
    before = holding(site, "reader001", NETWORK)
    assert {"subscribers.address", "subscriptions.consent", "deliveries.reply", "bounces.reply"} <= before
    assert before <= PERSONAL.keys()
    app = site.app()
    shown = str(departures.export_data(app.deps, ADDRESS))
    assert NETWORK in shown
    assert "no such user reader001" in shown
    assert departures.erase(app.deps, ADDRESS, site.now) == 1
    assert departures.export_data(app.deps, ADDRESS)["reports"] == []
    app.close()
    assert holding(site, "reader001", NETWORK) == set()
    assert "reader001" not in (site.folder / ".publisher/journal").read_text()


def test_sign_ups_and_bounces_are_forgotten_in_time_also_without_a_service(tmp_path: Path) -> None:
    mail = '[mail.bounces]\naddress = "back@harbour.example"\nretention = "3d"\n'
    site = MailSite(tmp_path / "site", readers(2), mail=mail)
    app = site.app()
    path = return_path(parse_address("back@harbour.example"), 1, 1, app.ring)
    values = {"to": path, "path": path, "id": "9@x.example", "reader": ADDRESS}
    app.read_bounce(report("undeliverable", "").format(**values).encode())
    signup.sign_up(app.deps, [app.settings.lists[0]], "never@example.org", NETWORK, site.now)
    app.close()
    site.deliver()
    assert holding(site, "never@example.org")
    site.now += timedelta(days=3, minutes=1)
    site.deliver()
    assert "bounce_reports.message" not in holding(site, "reader001")
    site.now += timedelta(days=4)
    site.deliver()
    assert holding(site, "never@example.org", NETWORK) == set()
