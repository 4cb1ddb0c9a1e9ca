"""kill -9 between the journal and the store, whoever makes somebody leave: they are never mailed again, with
the store as the crash left it and with one from before; everybody else gets every digest once.
"""

import shutil
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from killing import Runner
from mailsite import MailSite, readers

from publisher.app import App
from publisher.app import backup as keeping
from publisher.core.addresses import parse_address
from publisher.core.mail.message import Placeholder
from publisher.core.subscribers.confirmation_limits import SignUpOutcome
from publisher.core.subscribers.subscription import Subscription, SubscriptionState
from publisher.core.tokens import Claim, Purpose, mailbox_key, sign, split_mailbox_key
from publisher.services.subscribers import account, signup, subscribe

FIVE = readers(5)
ANN, NEW = FIVE[0], "new@example.net"
DAY = timedelta(days=1)


class Way(NamedTuple):
    """A way to leave: what is done, its failpoints, who leaves by it."""

    act: str
    area: str
    gone: tuple[str, ...] = (ANN,)


WAYS = (
    Way("one click", "unsubscribe"),
    Way("operator unsubscribes", "leave"),
    Way("many leave", "leave", tuple(FIVE[:3])),
    Way("operator suppresses", "suppress"),
    Way("bounces", "suppress", tuple(FIVE[:2])),
    Way("operator erases", "erase"),
    Way("reader erases", "erase"),
    Way("confirms", "address"),
)


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as one:
        yield one


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> MailSite:
    site = MailSite(tmp_path_factory.mktemp("departures") / "site", FIVE)
    site.deliver()
    return site


@pytest.fixture
def site(prepared: MailSite, tmp_path: Path) -> MailSite:
    return copy_of(prepared, tmp_path)


def copy_of(prepared: MailSite, folder: Path) -> MailSite:
    shutil.copytree(prepared.folder, folder / "site")
    site = MailSite.__new__(MailSite)
    site.folder, site.now, site.addresses = folder / "site", prepared.now + timedelta(hours=1), FIVE
    return site


def found(app: App, address: str) -> Subscription:
    [one] = [one for one in app.store.subscriptions("daily", None) if one.address == address]
    return one


def words(site: MailSite, way: Way) -> tuple[str, ...]:
    """What the act is given: the token in the reader's link, or addresses."""
    app = site.app()
    ann = found(app, ANN)
    claim = Claim(purpose=Purpose.UNSUBSCRIBE, subscription=ann.id, generation=ann.generation)
    if way.act in ("reader erases", "confirms"):
        asking = account.account_token(app.ring, ann, site.now)
        link = Placeholder.ERASE if way.act == "reader erases" else Placeholder.ADDRESS
        account.send_link(app.deps, asking, link, site.now)
        purpose = Purpose.ERASE if way.act == "reader erases" else Purpose.ADDRESS
        mailing = app.store.next_mailing_id() - 1
        claim = Claim(purpose=purpose, subscription=ann.id, generation=mailing, expires=site.now + DAY)
    if way.act == "confirms":
        account.change_address(app.deps, sign(claim, app.ring), NEW, site.now)
        pending = found(app, NEW)
        claim = Claim(purpose=Purpose.CONFIRM, subscription=pending.id, generation=1, expires=site.now + DAY)
    token = sign(claim, app.ring)
    app.close()
    return (token,) if way.act in ("one click", "reader erases", "confirms") else way.gone


def backup(site: MailSite) -> Path:
    app = site.app()
    file = site.folder.parent / "backup.tar"
    keeping.save(app, file)
    app.close()
    return file


def restore(site: MailSite, file: Path) -> None:
    app = site.app()
    keeping.restore(app, file)
    app.close()
    app = site.app()
    keeping.reconcile_store(app, dry_run=False)
    app.close()


def mailed_the_next_days(site: MailSite) -> list[set[str]]:
    """Who gets the digests of the next two days: each of them one copy of each."""
    days: list[set[str]] = []
    for name in ("second.md", "third.md"):
        site.now += DAY
        site.post(name)
        site.deliver()
        copies = site.mailed(name)
        assert set(copies.values()) == {1}
        days.append(set(copies))
    return days


@pytest.mark.parametrize("restored", [False, True], ids=["as it is", "restored"])
@pytest.mark.parametrize("step", ["journaled", "committed"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.act)
def test_who_left_is_never_mailed_after_a_kill(
    site: MailSite, runner: Runner, way: Way, step: str, restored: bool
) -> None:
    old = backup(site)
    given = words(site, way)
    answer = runner.act(site.folder, site.now, way.act, f"{way.area}:{step}", *given)
    assert answer == {"code": -signal.SIGKILL}
    if restored:
        restore(site, old)
    first, second = mailed_the_next_days(site)
    moved = {NEW} if way.act == "confirms" and not restored else set[str]()
    assert first == second == {*FIVE} - {*way.gone} | moved
    if "erases" in way.act:
        app = site.app()
        with app.store._db.read() as connection:  # type: ignore[attr-defined]  # what no door shows
            rows = connection.exec_driver_sql("SELECT address FROM subscribers").scalars().all()
        assert ANN not in rows
        app.close()


def test_who_confirms_when_it_is_killed_confirms_with_the_same_link_again(
    site: MailSite, runner: Runner
) -> None:
    app = site.app()
    subscribe.add(app.deps, app.settings.lists[0], NEW, site.now, confirmed=False)
    asked = found(app, NEW)
    token = sign(Claim(purpose=Purpose.CONFIRM, subscription=asked.id, generation=1), app.ring)
    app.close()
    killed = {"code": -signal.SIGKILL}
    assert runner.act(site.folder, site.now, "confirms", "confirm:journaled", token) == killed
    app = site.app()
    assert found(app, NEW).state is SubscriptionState.PENDING
    app.close()
    assert runner.act(site.folder, site.now, "confirms", "", token) == {"code": 0}
    assert mailed_the_next_days(site) == [{*FIVE, NEW}] * 2


def test_a_change_of_address_is_finished_by_a_restored_store_that_knows_of_it(
    site: MailSite, runner: Runner
) -> None:
    given = words(site, WAYS[-1])
    old = backup(site)  # the new address was asked, and has not confirmed
    assert runner.act(site.folder, site.now, "confirms", "", *given) == {"code": 0}
    restore(site, old)
    first, second = mailed_the_next_days(site)
    assert first == second == {*FIVE[1:], NEW}


@pytest.mark.parametrize("way", [way for way in WAYS if way.act != "confirms"], ids=lambda way: way.act)
def test_who_comes_back_stays_whatever_is_replayed(site: MailSite, runner: Runner, way: Way) -> None:
    """Also where nothing was published between the departure and the return, and after a restore."""
    assert runner.act(site.folder, site.now, way.act, "", *words(site, way)) == {"code": 0}
    site.now += timedelta(hours=1)
    lifts = way.act not in ("operator suppresses", "bounces")
    app = site.app()
    [spec] = app.deps.rules.lists
    signup.sign_up(app.deps, [spec], ANN, "192.0.2.1", site.now)
    if lifts:
        ann = found(app, ANN)
        claim = Claim(
            purpose=Purpose.CONFIRM,
            subscription=ann.id,
            generation=ann.generation,
            expires=site.now + DAY,
        )
        subscribe.confirm(app.deps, sign(claim, app.ring), site.now)
    app.close()
    old = backup(site)
    first, _ = mailed_the_next_days(site)
    assert (ANN in first) == lifts
    restore(site, old)
    site.now += DAY
    site.post("fourth.md")
    site.deliver()
    assert (ANN in site.mailed("fourth.md")) == lifts


@pytest.mark.parametrize("restored", [False, True], ids=["as it is", "restored"])
@pytest.mark.parametrize("step", ["journaled", "committed"])
def test_who_wants_no_confirmation_mail_is_never_asked_after_a_kill(
    site: MailSite, runner: Runner, step: str, restored: bool
) -> None:
    old = backup(site)
    app = site.app()
    lists = app.deps.rules.lists
    assert signup.sign_up(app.deps, lists, "stranger+1@example.net", "", site.now) is SignUpOutcome.ASK
    subscription, generation = split_mailbox_key(mailbox_key(parse_address("stranger@example.net"), app.ring))
    claim = Claim(purpose=Purpose.NEVER_ASK, subscription=subscription, generation=generation)
    token = sign(claim, app.ring)
    app.close()
    answer = runner.act(site.folder, site.now, "never asks", f"never-ask:{step}", token)
    assert answer == {"code": -signal.SIGKILL}
    if restored:
        restore(site, old)
    site.now += DAY
    site.post("second.md")
    site.deliver()
    assert set(site.mailed("second.md")) == {*FIVE}
    app = site.app()
    for address in ("stranger+1@example.net", "Stranger@example.net"):
        assert signup.sign_up(app.deps, lists, address, "", site.now) is SignUpOutcome.NEVER
    assert {one.address for one in app.store.subscriptions(None, None)} >= {*FIVE}
    assert signup.allow(app.deps, "stranger@example.net", site.now) == ["never ask again"]
    app.close()
    later = backup(site)
    restore(site, later)
    app = site.app()
    assert signup.sign_up(app.deps, lists, "stranger@example.net", "", site.now) is SignUpOutcome.ASK
    app.close()


def test_who_moved_to_another_address_and_back_is_mailed_there(site: MailSite, runner: Runner) -> None:
    assert runner.act(site.folder, site.now, "confirms", "", *words(site, WAYS[-1])) == {"code": 0}
    site.now += timedelta(days=2)
    app = site.app()
    there = found(app, NEW)
    account.send_link(
        app.deps, account.account_token(app.ring, there, site.now), Placeholder.ADDRESS, site.now
    )
    link = Claim(
        purpose=Purpose.ADDRESS,
        subscription=there.id,
        generation=app.store.next_mailing_id() - 1,
        expires=site.now + DAY,
    )
    account.change_address(app.deps, sign(link, app.ring), ANN, site.now)
    back = found(app, ANN)
    claim = Claim(
        purpose=Purpose.CONFIRM, subscription=back.id, generation=back.generation, expires=site.now + DAY
    )
    token = sign(claim, app.ring)
    app.close()
    assert runner.act(site.folder, site.now, "confirms", "", token) == {"code": 0}
    old = backup(site)
    first, _ = mailed_the_next_days(site)
    assert first == {*FIVE}
    restore(site, old)
    site.now += DAY
    site.post("fourth.md")
    site.deliver()
    assert set(site.mailed("fourth.md")) == {*FIVE}


def test_links_of_readers_whom_a_restored_store_does_not_know_open_nobody_else_s_page(site: MailSite) -> None:
    from publisher.core.errors import TokenError

    old = backup(site)
    app = site.app()
    [spec] = app.deps.rules.lists
    subscribe.add(app.deps, spec, "lost@example.net", site.now, confirmed=True)
    lost = found(app, "lost@example.net")
    token = sign(Claim(purpose=Purpose.UNSUBSCRIBE, subscription=lost.id, generation=1), app.ring)
    app.close()
    restore(site, old)
    app = site.app()
    subscribe.add(app.deps, spec, "another@example.net", site.now, confirmed=True)
    with pytest.raises(TokenError):
        subscribe.unsubscribe(app.deps, token, site.now)
    app.close()


@pytest.mark.parametrize(
    "command",
    [
        ("subscribers", "unsubscribe", ANN),
        ("subscribers", "suppress", ANN),
        ("subscribers", "erase", ANN, "--yes"),
    ],
    ids=lambda command: command[1],
)
def test_a_command_that_is_killed_between_has_made_them_leave(
    site: MailSite, command: tuple[str, ...], same_site: Any
) -> None:
    area = {"unsubscribe": "leave"}.get(command[1], command[1])
    at = ("--at", site.now.isoformat())
    real = same_site(site.folder)
    real.run(*command, *at, code=-signal.SIGKILL, PUBLISHER_FAILPOINT=f"{area}:journaled")
    first, second = mailed_the_next_days(site)
    assert first == second == {*FIVE[1:]}


def test_a_server_that_is_killed_at_a_click_has_unsubscribed_the_reader(
    site: MailSite, running_site: Any, same_site: Any
) -> None:
    token = words(site, WAYS[0])[0]
    settings = site.folder / "publisher.toml"
    settings.write_text(settings.read_text() + '[web]\nlisten = "127.0.0.1:0"\n')
    server = running_site(same_site(site.folder), "--web-only", PUBLISHER_FAILPOINT="unsubscribe:journaled")
    import httpx

    with pytest.raises(httpx.HTTPError):
        server.http.post(f"/unsubscribe/{token}", data={"List-Unsubscribe": "One-Click"})
    server.http.close()
    server.process.communicate(timeout=30)
    first, second = mailed_the_next_days(site)
    assert first == second == {*FIVE[1:]}
