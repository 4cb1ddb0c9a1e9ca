"""A store from an old backup, or lost: it knows that it is behind, sends nothing before it is reconciled, and
then resends nothing and mails nobody who left."""

import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mailsite import MailSite, readers
from smtp_server import SmtpServer

from publisher.app import backup
from publisher.app.backup import simulated
from publisher.cli import publisher
from publisher.core.delivery.mailing import DeliveryState
from publisher.core.errors import OutputError, Refused, StoreError, UsageError
from publisher.core.tokens import Claim, Purpose, address_key, sign
from publisher.services.operations.mailings import send_from_outbox
from publisher.services.subscribers import subscribe
from publisher.services.subscribers.import_csv import import_readers

TEN = readers(10)
DAY = timedelta(days=1)


def snapshot(site: MailSite) -> Path:
    """The store as it is now, as somebody would copy it."""
    copy = site.folder.parent / "copy.db"
    app = site.app()
    backup.save(app, site.folder.parent / "backup.tar")
    app.close()
    shutil.copy(site.folder / ".publisher/publisher.db", copy)
    return copy


def put_back(site: MailSite, copy: Path) -> None:
    for end in ("", "-wal", "-shm"):
        (site.folder / f".publisher/publisher.db{end}").unlink(missing_ok=True)
    shutil.copy(copy, site.folder / ".publisher/publisher.db")


def leave(site: MailSite, address: str) -> None:
    app = site.app()
    [found] = [s for s in app.store.subscriptions("daily", None) if s.address == address]
    claim = Claim(purpose=Purpose.UNSUBSCRIBE, subscription=found.id, generation=found.generation)
    subscribe.unsubscribe(app.deps, sign(claim, app.ring), site.now)
    app.close()


def refused(site: MailSite) -> str:
    """What both publish and deliver say."""
    said = set()
    for verb in ("publish", "deliver"):
        app = site.app()
        with pytest.raises(Refused) as error:
            getattr(app, verb)()
        said.add(str(error.value))
        app.close()
    [one] = said
    return one


def reconcile(site: MailSite) -> None:
    app = site.app()
    backup.reconcile_store(app, dry_run=False)
    app.close()


def next_day(site: MailSite, name: str) -> None:
    site.now += DAY
    site.post(name)
    site.deliver()


def test_a_restored_copy_refuses_until_it_is_reconciled_and_then_resends_nothing(tmp_path: Path) -> None:
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", TEN, port=server.port)
        old = snapshot(site)  # the first digest is planned, and not sent
        site.deliver()
        next_day(site, "second.md")
        leave(site, TEN[0])
        next_day(site, "third.md")
        sent = Counter(message.rcpt_to for message in server.accepted)
        assert sent == dict.fromkeys(TEN[1:], 3) | {TEN[0]: 2}

        put_back(site, old)
        why = refused(site)
        assert why.startswith("store: is behind the journal beside it: it lacks 1 departure, 2 mailings")
        assert why.endswith("; run `publisher reconcile` first")
        reconcile(site)
        site.deliver()
        app = site.app()
        app.publish()
        app.close()
        site.deliver()
        assert Counter(message.rcpt_to for message in server.accepted) == sent
        assert site.counts() == {"unknown": 10}
        next_day(site, "fourth.md")
        new = Counter(message.rcpt_to for message in server.accepted)
        new.subtract(sent)
        assert +new == Counter(TEN[1:])
        subjects = b"".join(message.data for message in server.accepted[-9:])
        assert b"fourth.md" in subjects
        assert b"third.md" not in subjects


def test_a_copy_made_while_a_batch_was_sent_is_behind_when_that_batch_is_over(tmp_path: Path) -> None:
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", TEN, port=server.port)
        app = site.app()
        batch = app.store.claim_batch("dead", site.now, site.now + timedelta(minutes=1))
        assert batch is not None
        app.deps.adapters.journal.append("batch", {"turn": batch.turn})
        app.close()
        old = snapshot(site)
        site.deliver()
        put_back(site, old)
        assert "what was sent since" in refused(site)
        reconcile(site)
        site.deliver(minutes=600)
    assert Counter(message.rcpt_to for message in server.accepted) == Counter(TEN)


def test_a_crash_and_no_restore_is_not_behind(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TEN, batch=3)
    app = site.app()
    app.store.claim_batch("dead", site.now, site.now + timedelta(minutes=1))  # killed before the journal knew
    app.close()
    assert site.deliver().accepted == 10


def test_who_left_since_the_backup_gets_nothing_even_if_nothing_else_happened(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TEN)
    site.deliver()
    old = snapshot(site)
    leave(site, TEN[3])
    put_back(site, old)
    next_day(site, "second.md")  # nothing was sent since, so no outcome is unknown and nobody need be asked
    mails = [file.read_text() for file in (site.folder / "outbox").glob("*.eml")]
    assert sum(f"To: {TEN[3]}" in mail for mail in mails) == 1
    assert len(mails) == 10 + 9


def test_the_outbox_tells_what_became_of_what_was_open(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TEN)
    old = snapshot(site)
    site.deliver()
    put_back(site, old)
    reconcile(site)
    assert site.deliver().total == 0
    assert site.counts() == {"accepted": 10}


def test_the_outbox_tells_nothing_where_a_lost_run_sent_by_smtp(tmp_path: Path) -> None:
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", TEN, port=server.port)
        copy = snapshot(site)
        assert site.deliver().accepted == 10
        put_back(site, copy)
        toml = site.folder / "publisher.toml"
        toml.write_text(toml.read_text().replace('"smtp"', '"outbox"'))
        reconcile(site)
        assert site.deliver().total == 0
        assert site.counts() == {"unknown": 10}
        assert not list((site.folder / "outbox").glob("*.eml"))


def test_what_was_sent_from_the_outbox_after_the_backup_is_not_offered_again(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TEN)
    assert site.deliver().accepted == 10
    copy = snapshot(site)
    with SmtpServer() as server:
        toml = site.folder / "publisher.toml"
        relay = f'[[mail.relays]]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
        toml.write_text(toml.read_text().replace('"outbox"', '"smtp"') + relay)
        app = site.app()
        assert send_from_outbox(app.deps, app.store.count_in_outbox(), site.now) == 10
        app.close()
        site.deliver()
        assert len(server.accepted) == 10
        put_back(site, copy)
        reconcile(site)
        app = site.app()
        assert app.store.count_in_outbox() == {}
        app.close()


def test_a_lost_store_gives_no_number_twice(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TEN)
    site.deliver()
    for end in ("", "-wal", "-shm"):
        (site.folder / f".publisher/publisher.db{end}").unlink(missing_ok=True)
    assert "it lacks 1 mailing" in refused(site)
    reconcile(site)
    app = site.app()
    app.publish()
    spec = app.settings.lists[0]
    list(import_readers(app.deps, spec, enumerate(TEN, 1), site.now, confirmed=True))
    app.close()
    next_day(site, "second.md")
    assert len([*(site.folder / "outbox").glob("*.eml")]) == 20


def test_a_site_whose_store_and_journal_are_lost_learns_it_from_the_manifest(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TEN)
    site.deliver()
    shutil.rmtree(site.folder / ".publisher")
    assert "it lacks the log up to 1" in refused(site)
    reconcile(site)
    app = site.app()
    assert app.store.next_mailing_id() > 1
    app.publish()
    app.close()


@pytest.mark.parametrize("step", ["begun", "departed", "served"])
def test_a_reconcile_that_dies_half_way_is_done_again(tmp_path: Path, step: str) -> None:
    site = MailSite(tmp_path / "site", TEN)
    old = snapshot(site)
    site.deliver()
    leave(site, TEN[0])
    next_day(site, "second.md")
    put_back(site, old)
    app = site.app()
    app.failpoint = _dies_at(f"reconcile:{step}")
    with pytest.raises(_Killed):
        backup.reconcile_store(app, dry_run=False)
    app.close()
    assert "is behind" in refused(site)
    reconcile(site)
    before = len([*(site.folder / "outbox").glob("*.eml")])
    site.deliver()
    assert len([*(site.folder / "outbox").glob("*.eml")]) == before == 19
    next_day(site, "third.md")
    assert len([*(site.folder / "outbox").glob("*.eml")]) == 19 + 9


class _Killed(BaseException):
    """A process that ends here."""


def _dies_at(name: str) -> Callable[[str], None]:
    def reach(step: str) -> None:
        if step == name:
            raise _Killed

    return reach


def run(site: MailSite, *args: str) -> Result:
    at = ("--at", site.now.isoformat()) if args[0] == "reconcile" else ()
    result = CliRunner().invoke(publisher, [*args, *at, "--site", str(site.folder)])
    if result.exception:
        raise result.exception
    return result


def test_a_backup_is_one_private_file_and_a_restore_must_be_meant_and_reconciled(tmp_path: Path) -> None:
    site, file = MailSite(tmp_path / "site", TEN), tmp_path / "site.backup"
    run(site, "backup", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="already exists; name another file, or add --yes"):
        run(site, "backup", str(file))
    site.deliver()
    with pytest.raises(UsageError, match="it replaces this site's store; add --yes if you mean it"):
        run(site, "restore", str(file))
    assert "nothing was changed" in run(site, "restore", str(file), "--dry-run").stderr
    assert "restored" in run(site, "restore", str(file), "--yes").stderr
    assert (site.folder / ".publisher/publisher.db.before-1").exists()
    assert "is behind" in refused(site)
    assert "the store is behind: it lacks" in run(site, "reconcile", "--dry-run").stderr
    assert "unknown: 10 deliveries" in run(site, "reconcile").stderr
    assert "the store is up to date" in run(site, "reconcile").stderr
    assert site.deliver().total == 0


def test_a_backup_moves_a_site_to_another_machine(tmp_path: Path) -> None:
    site, file = MailSite(tmp_path / "site", TEN), tmp_path / "site.backup"
    run(site, "backup", str(file))
    secret = (site.folder / ".publisher/secret.key").read_bytes() if _secret(site) else b""
    shutil.rmtree(site.folder / ".publisher")
    shutil.rmtree(site.folder / "public")
    run(site, "restore", str(file), "--yes")
    assert not _secret(site) or (site.folder / ".publisher/secret.key").read_bytes() == secret
    run(site, "reconcile")
    app = site.app()
    assert len(list(app.store.subscriptions("daily", None))) == 10
    assert app.store.mailing(1).counts == {DeliveryState.UNKNOWN: 10}  # type: ignore[union-attr]  # it is there
    app.close()


def _secret(site: MailSite) -> bool:
    return (site.folder / ".publisher/secret.key").exists()


def test_a_backup_is_one_state_while_the_store_is_written_to(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(200), batch=10)
    made = []

    def meanwhile(_: object) -> None:
        if not made:
            made.append(tmp_path / "while.backup")
            app = site.app()
            backup.save(app, made[0])
            app.close()

    app = site.app()
    app.deliver(progress=meanwhile)
    app.close()
    run(site, "restore", str(made[0]), "--yes")
    run(site, "reconcile")
    site.deliver()
    assert site.counts() == {"accepted": 200}
    assert len([*(site.folder / "outbox").glob("*.eml")]) == 200


def test_a_restore_while_the_site_runs_is_refused(tmp_path: Path) -> None:
    site, file = MailSite(tmp_path / "site", TEN), tmp_path / "site.backup"
    run(site, "backup", str(file))
    app = site.app()
    with app.lock("run"), pytest.raises(Refused):
        run(site, "restore", str(file), "--yes")
    app.close()


def test_what_is_no_backup_is_not_restored(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TEN)
    odd = tmp_path / "odd"
    odd.write_bytes(b"not a backup")
    for file, words in ((odd, "is not a backup"), (tmp_path / "none", "no such file")):
        with pytest.raises(StoreError, match=words):
            run(site, "restore", str(file), "--yes")
    assert site.deliver().accepted == 10


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_backup_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TEN)
    with closing(site.app()) as app, pytest.raises(OutputError):
        backup.save(app, Path("/backup.tar"))


def test_a_simulation_knows_who_left_and_is_refused_where_a_publish_would_be(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TEN)
    old = snapshot(site)
    leave(site, TEN[0])
    put_back(site, old)
    site.now += DAY
    (site.folder / "posts" / "second.md").write_text(
        f"---\ntitle: S\ndate: {site.now:%Y-%m-%d}\n---\nWords.\n"
    )
    app = site.app()
    happened = list(simulated(app, site.now, site.now + DAY))
    assert {mailing.planned for one in happened for mailing in one.mailings} == {9}
    app.close()
    site.deliver()
    put_back(site, old)
    app = site.app()
    with pytest.raises(Refused, match="it lacks 1 departure, what was sent since"):
        list(simulated(app, site.now, site.now + DAY))
    app.close()


def test_a_suppression_in_the_journal_is_replayed_whatever_its_kind_is_called(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TEN)
    site.deliver()
    app = site.app()
    for number, kind in enumerate(("bounce", "a kind of a later version")):
        key = address_key(TEN[number], app.ring)
        fields = {"at": site.now.isoformat(), "key": key, "list": "", "kind": kind}
        app.deps.adapters.journal.append("suppressed", fields)
    app.close()
    next_day(site, "second.md")
    assert len([*(site.folder / "outbox").glob("*.eml")]) == 10 + 8


def test_readers_who_confirmed_after_the_backup_are_counted_and_no_address_is_journaled(
    tmp_path: Path,
) -> None:
    site = MailSite(tmp_path / "site", TEN)
    site.deliver()
    old = snapshot(site)
    app = site.app()
    spec = app.settings.lists[0]
    for name in ("ann", "bob", "cy"):
        subscribe.add(app.deps, spec, f"{name}@example.org", site.now, confirmed=False)
    found = {one.address: one for one in app.store.subscriptions("daily", None)}
    for name in ("ann", "bob"):
        one = found[f"{name}@example.org"]
        claim = Claim(purpose=Purpose.CONFIRM, subscription=one.id, generation=one.generation)
        token = sign(claim, app.ring)
        subscribe.confirm(app.deps, token, site.now)
        subscribe.confirm(app.deps, token, site.now)  # a second click
    app.close()
    leave(site, "bob@example.org")
    journal = (site.folder / ".publisher/journal").read_text()
    assert journal.count('"confirmed"') == 2
    assert "@" not in journal
    put_back(site, old)
    app = site.app()
    _, done = backup.reconcile_store(app, dry_run=False)
    assert done is not None
    assert done.lost == {"daily": 1}
    subscribe.add(app.deps, spec, "dee@example.org", site.now, confirmed=True)
    [dee] = [one for one in app.store.subscriptions("daily", None) if one.address == "dee@example.org"]
    assert dee.id > max(one.id for one in found.values())
    app.close()
