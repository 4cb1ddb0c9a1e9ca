"""kill -9 at every step of a delivery and at random, against a server at its worst and against the outbox.

The server refuses, cuts lines, babbles and is slow; its TLS is missing, refused, broken, or another's.

After each restart: at most one copy for each reader; every planned delivery in one state; in doubt at most
one for each connection, and one for each message the server itself lost. In the end all others have one copy.
"""

import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import postgres
import pytest
from certificates import Authority
from killing import STEPS, Runner
from mailsite import MailSite, readers, settled
from smtp_server import Act, Also, Babble, Drop, Moment, Say, Shake, Slow, SmtpServer, on

from publisher.core.delivery.mailing import MailingState

LINES = 4
LATER = timedelta(hours=13)
"""Past every deferral and every brake."""

WORST: dict[str, tuple[Act, ...]] = {
    "connect": (Say("421 4.3.2 not now", close=True), Drop()),
    "EHLO": (Say("garbage"), Drop()),
    "MAIL": (Say("421 4.7.0 go away", close=True), Say("451 4.3.0 later"), Drop(), Slow(0.05)),
    "RCPT": (Say("450 4.2.0 later"), Say("550 5.1.1 nobody"), Say("421 4.7.0 go away", close=True), Drop()),
    "DATA": (Say("451 4.3.0 later"), Say("554 5.6.0 no"), Drop(), Slow(0.05)),
    "body": (Drop(),),
    "dot": (
        Say("451 4.3.0 later"),
        Say("554 5.6.0 no"),
        Say("421 4.3.2 going down", close=True),
        Drop(),
        Say(b"\xff\x00 what\r\n", close=True),
        Slow(0.05),
    ),
    "taken": (Drop(), Also(b"250-2.0.0 slowly\r\n"), Slow(0.05)),
}
TLS_STEPS = ("TLS", "STARTTLS", "bare")
"""Where TLS can fail; "bare" is a greeting that offers none."""


def worst_of_tls(authority: Authority) -> dict[str, tuple[Act, ...]]:
    """How TLS fails: babble for a handshake, a line cut in it, certificates that prove nothing; refusals."""
    bad: tuple[Act, ...] = (
        Babble(b"\x16\x03\x01 what is TLS?\r\n"),
        Drop(),
        Shake(authority.server("127.0.0.1", expired=True)),
        Shake(authority.server("elsewhere.example")),
    )
    refused = (Say("454 4.7.0 no TLS today"), Say("502 5.5.1 what?"))
    return {"TLS": bad, "STARTTLS": bad + refused, "bare": (Say("250 scripted.test without TLS"),)}


class Worst:
    """A server's rule: one time in `one_in` something goes wrong, and in `one_in_tls` with TLS. `lost` counts
    messages that may have been ended and got no answer that anybody can read, `failed` what went wrong with
    TLS. A line cut in the data is such a one: its end may be on its way when the cut is seen.
    """

    def __init__(
        self, chance: random.Random, one_in: int, *, tls: Mapping[str, tuple[Act, ...]], one_in_tls: int = 9
    ) -> None:
        self.chance, self.one_in, self.one_in_tls, self.lost, self.kind = chance, one_in, one_in_tls, 0, False
        self.acts, self.failed = WORST | dict(tls), Counter[str]()

    def __call__(self, moment: Moment) -> Act | None:
        clear = moment.step == "EHLO" and "bare" in self.acts and not moment.secure
        step = "bare" if clear else moment.step
        one_in = self.one_in_tls if step in TLS_STEPS else self.one_in
        acts = self.acts.get(step)
        if self.kind or not acts or self.chance.randrange(one_in):
            return None
        act = self.chance.choice(acts)
        ended = moment.step in ("body", "dot", "taken")
        self.lost += ended and (
            isinstance(act, Drop) or (isinstance(act, Say) and act.close and b"421" not in act.data)
        )
        self.failed[f"{step} {type(act).__name__}"] += step in TLS_STEPS
        return act


class Check:
    """The invariants, as they stand after each run."""

    def __init__(self, site: MailSite, copies: Callable[[], Counter[str]]) -> None:
        self.site, self.copies, self.kills, self.doubts = site, copies, 0, 0

    def after_a_run(self, code: int, lost: int = 0) -> None:
        assert code in (0, -signal.SIGKILL)
        self.kills += code != 0
        app = self.site.app()
        app.store.release_dead_runs("test", self.site.now, alone=True)
        mailing = app.store.mailing(1)
        doubts = len(app.store.unknown_deliveries(1))
        with app.store._db.read() as connection:  # type: ignore[attr-defined]  # what no door shows
            rows = connection.exec_driver_sql("SELECT state, count(*) FROM deliveries GROUP BY state").all()
        app.close()
        assert mailing is not None
        assert settled(mailing)
        assert mailing.counts == {row[0]: row[1] for row in rows}, "counts are kept in step with the ledger"
        assert max(self.copies().values(), default=0) <= 1
        assert doubts - self.doubts <= LINES + lost
        self.doubts = doubts

    def in_the_end(self) -> None:
        mailing = self.site.mailing()
        assert mailing.state is MailingState.DONE
        app, copies = self.site.app(), self.copies()
        with app.store._db.read() as connection:  # type: ignore[attr-defined]  # what no door shows
            query = (
                "SELECT s.address, d.state FROM deliveries d JOIN subscriptions b ON b.id = d.subscription"
            )
            query += " JOIN subscribers s ON s.id = b.subscriber"
            states = {row[0]: row[1] for row in connection.exec_driver_sql(query)}
        app.close()
        assert len(states) == mailing.planned == len(self.site.addresses)
        for address, state in states.items():
            allowed = {"accepted": {1}, "rejected": {0}, "unknown": {0, 1}}[state]
            assert copies[address] in allowed, f"{address} is {state} and has {copies[address]} copies"


def orders(chance: random.Random) -> dict[str, object]:
    """Where the next run is killed: at a step it comes by, or at any instant."""
    if chance.random() < 0.3:
        working = chance.random() < 0.8  # else it may be killed as it starts
        return {"after": chance.uniform(0.0, 0.05), "working": working}
    step = chance.choice(STEPS)
    return {"step": step, "times": chance.randint(1, 2 if step in ("claimed", "finished") else 8)}


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as one:
        yield one


@pytest.fixture(scope="module")
def other() -> Iterator[Runner]:
    with Runner() as one:
        yield one


def killed_against_smtp(
    runner: Runner, folder: Path, seed: int, kills: int, number: int, security: str = "none", store: str = ""
) -> None:
    chance = random.Random(seed)  # noqa: S311  # chance, not secrets
    authority = Authority(folder)
    good = None if security == "none" else authority.server("127.0.0.1")
    worst = Worst(random.Random(-seed), one_in=60, tls=_faults(security, authority))  # noqa: S311  # the same
    with SmtpServer(worst, tls=good, implicit=security == "tls") as server:
        lines = f"connections = {LINES}"
        given: dict[str, Any] = {"relay": lines, "security": security, "batch": 6, "store": store}
        site = MailSite(folder / "site", readers(number), port=server.port, **given)
        check = Check(site, lambda: Counter(message.rcpt_to for message in server.accepted))
        while check.kills < kills and site.mailing().state is not MailingState.DONE:
            site.now += LATER
            lost = worst.lost
            order = orders(chance)
            answer = runner.deliver(site.folder, site.now, authority=str(authority.file), **order)
            check.after_a_run(answer["code"], worst.lost - lost)
        worst.kind = True
        for _ in range(6):
            site.now += LATER
            answer = runner.deliver(site.folder, site.now, authority=str(authority.file))
            check.after_a_run(answer["code"])
        check.in_the_end()
        assert check.kills >= kills, "too few readers for so many kills"
        assert all(message.tls == (security != "none") for message in server.accepted)
        kinds = {fault.partition(" ")[0] for fault in worst.failed.elements()}
        assert kinds == set(_faults(security, authority)), "every way in which TLS fails was met"


def cut_against_smtp(runner: Runner, folder: Path, cuts: int, number: int) -> None:
    """Runs whose connections to PostgreSQL end while they send: what was on its way is in doubt at most."""
    with postgres.database() as store, SmtpServer(on("dot", Slow(0.02))) as server:
        more: dict[str, Any] = {"relay": f"connections = {LINES}", "batch": 20, "store": store}
        site = MailSite(folder / "site", readers(number), port=server.port, **more)
        check = Check(site, lambda: Counter(message.rcpt_to for message in server.accepted))
        done = 0
        while site.mailing().state is not MailingState.DONE:
            site.now += LATER
            with cutting(store, 0 if done >= cuts else cuts - done) as count:
                code = runner.deliver(site.folder, site.now)["code"]
            done += count()
            assert code in (0, 1)
            check.after_a_run(0)
        check.in_the_end()
        assert done >= cuts


@contextmanager
def cutting(store: str, times: int) -> Iterator[Callable[[], int]]:
    """Cuts connections again and again meanwhile; how often it met any."""
    ended, met = threading.Event(), 0

    def cut() -> None:
        nonlocal met
        while met < times and not ended.wait(0.03):
            met += postgres.cut(store) > 0

    thread = threading.Thread(target=cut)
    thread.start()
    yield lambda: met
    ended.set()
    thread.join()


def _faults(security: str, authority: Authority) -> dict[str, tuple[Act, ...]]:
    """How TLS can fail on lines that are protected so."""
    steps = {"none": (), "tls": ("TLS",), "starttls": ("STARTTLS", "bare")}[security]
    return {step: acts for step, acts in worst_of_tls(authority).items() if step in steps}


def killed_against_the_outbox(runner: Runner, folder: Path, seed: int, kills: int, number: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # chance, not secrets
    site = MailSite(folder / "site", readers(number), batch=6)
    outbox = site.folder / "outbox"

    def copies() -> Counter[str]:
        texts = (file.read_bytes() for file in outbox.glob("*.eml"))
        return Counter(text.partition(b"\r\nTo: ")[2].partition(b"\r\n")[0].decode() for text in texts)

    check = Check(site, copies)
    while check.kills < kills and site.mailing().state is not MailingState.DONE:
        check.after_a_run(runner.deliver(site.folder, site.now, **orders(chance))["code"])
    for _ in range(2):
        check.after_a_run(runner.deliver(site.folder, site.now)["code"])
    check.in_the_end()
    assert site.counts() == {"accepted": number}, "the outbox can always tell"
    assert check.kills >= kills


@pytest.mark.parametrize(
    ("security", "kills", "number"), [("none", 20, 200), ("starttls", 30, 260), ("tls", 20, 200)]
)
def test_seventy_kills_against_a_mail_server_at_its_worst(
    tmp_path: Path, runner: Runner, security: str, kills: int, number: int
) -> None:
    killed_against_smtp(runner, tmp_path, seed=1, kills=kills, number=number, security=security)


def test_kills_over_a_store_in_postgresql(tmp_path: Path, runner: Runner) -> None:
    with postgres.database() as store:
        killed_against_smtp(runner, tmp_path, seed=3, kills=8, number=100, store=store)


def test_a_cut_of_the_database_s_connections_in_mid_mailing_repeats_nothing(
    tmp_path: Path, runner: Runner
) -> None:
    cut_against_smtp(runner, tmp_path, cuts=5, number=80)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(30, 34))
def test_many_kills_and_cuts_over_a_store_in_postgresql(tmp_path: Path, runner: Runner, seed: int) -> None:
    for name in ("killed", "cut"):
        (tmp_path / name).mkdir()
    with postgres.database() as store:
        killed_against_smtp(runner, tmp_path / "killed", seed=seed, kills=100, number=1000, store=store)
    cut_against_smtp(runner, tmp_path / "cut", cuts=30, number=1000)


def test_thirty_five_kills_against_the_outbox(tmp_path: Path, runner: Runner) -> None:
    killed_against_the_outbox(runner, tmp_path, seed=2, kills=35, number=300)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 20))
def test_thousands_of_kills_against_a_mail_server_at_its_worst(
    tmp_path: Path, runner: Runner, seed: int
) -> None:
    security = ("starttls", "none", "starttls", "tls", "none")[seed % 5]
    killed_against_smtp(runner, tmp_path, seed=seed, kills=400, number=3_500, security=security)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20, 25))
def test_thousands_of_kills_against_the_outbox(tmp_path: Path, runner: Runner, seed: int) -> None:
    killed_against_the_outbox(runner, tmp_path, seed=seed, kills=200, number=2_000)


@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize("step", STEPS[:-1])
def test_a_run_stopped_past_its_lease_and_continued_doubles_nothing(
    tmp_path: Path, runner: Runner, other: Runner, step: str, times: int
) -> None:
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", readers(12), port=server.port, relay="connections = 2", batch=4)
        order = {"step": step, "times": min(times, 2 if step == "claimed" else 5), "signal": signal.SIGSTOP}
        stopped = runner.deliver(site.folder, site.now, among="slow", **order)
        assert "stopped" in stopped
        site.now += timedelta(minutes=16)
        meanwhile = other.deliver(site.folder, site.now, among="new")  # 1: the one that sleeps holds the lock
        assert meanwhile in ({"code": 0}, {"code": 1})
        doubts = site.counts().get("unknown", 0)
        assert doubts <= 2
        assert runner.go_on(stopped["stopped"]) == {"code": 0}
        if meanwhile == {"code": 1}:
            assert other.deliver(site.folder, site.now, among="new") == {"code": 0}
        assert Counter(message.rcpt_to for message in server.accepted) == Counter(site.addresses)
        assert site.counts() == {"accepted": 12}, "the late replies settled what was in doubt"
        assert site.mailing().state is MailingState.DONE
