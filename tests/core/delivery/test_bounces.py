"""What SMTP replies tell about mailboxes, and when a mailbox is mailed no more."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.delivery.bounces import (
    BounceLimits,
    MailboxRefusal,
    RefusalShare,
    RefusedMailing,
    Severity,
    bounce_severity,
    count_refusals,
    is_mass_refusal,
    limit_reached,
    refusal_ruling,
)
from publisher.core.delivery.mailing import MailingHold, MailingState, RefusalRuling, given_up_reply

START = datetime(2026, 3, 1, tzinfo=UTC)
HARD, SOFT = Severity.HARD, Severity.SOFT

GONE = (
    "550 5.1.1 no such user",
    "550 5.1.1",
    "551 5.1.6 the mailbox has moved",
    "556 5.1.10 Recipient address has a null MX",
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
    "550 5.2.1 The email account that you tried to reach is disabled.",
    "550 sorry, no mailbox here by that name. (#5.1.1)",
    "550 5.1.1 <spam@example.org>: Recipient address rejected: User unknown",
)
TROUBLE = (
    "552 5.2.2 mailbox full",
    "550 5.1.2 bad destination system",
    "550 5.1.0 Address rejected",
    "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents more",
    "550 User unknown",
    "550 <policy@example.org> User unknown",
    "550 5.0.0 no such user",
    given_up_reply(6, "452 4.2.2 The email account that you tried to reach is over quota"),
    given_up_reply(6, "450 4.1.1 Recipient address rejected: unverified address"),
    given_up_reply(6, "450 mailbox unavailable"),
)
NOTHING = (
    "550 5.7.1 user's policy forbids it",
    "550 5.7.17 the owner of this mailbox has changed",
    "550 5.1.8 <news@example.com>: Sender address rejected: Domain not found",
    "550 5.1.0 sender rejected",
    "552 5.3.4 Message size exceeds fixed limit",
    "550 5.4.1 Recipient address rejected: Access denied",
    "550 5.4.4 Host not found",
    "554 5.6.0 no",
    "503 5.5.1 need MAIL command",
    "550 no",
    "550",
    "554 Transaction failed",
    "550 <no.such.user@example.org> refused",
    given_up_reply(6, "451 4.7.1 greylisted, user"),
    given_up_reply(6, "451 4.3.0 later"),
    "the address has letters that this server cannot take (it offers no SMTPUTF8)",
    "relay.example:25: no answer in 300 s",
    "",
)


@pytest.mark.parametrize(
    ("reply", "severity"),
    [
        *((reply, HARD) for reply in GONE),
        *((reply, SOFT) for reply in TROUBLE),
        *((reply, None) for reply in NOTHING),
    ],
)
def test_a_reply_tells_that_a_mailbox_is_gone_or_in_trouble_or_nothing(
    reply: str, severity: Severity | None
) -> None:
    assert bounce_severity(reply) is severity


@given(st.text(max_size=300), st.sampled_from(["5.7.1", "5.3.0", "5.4.7", "5.7.999", "5.6.1", "5.5.0"]))
def test_policy_system_network_and_content_never_count_whatever_the_words(words: str, code: str) -> None:
    assert bounce_severity(f"550 {code} {words}") is None


@given(st.text(max_size=500))
def test_any_words_are_classified(words: str) -> None:
    assert bounce_severity(words) in (None, HARD, SOFT)
    assert bounce_severity(f"450 {words}") is not HARD


def refused(severity: Severity, *hours: float) -> list[MailboxRefusal]:
    return [
        MailboxRefusal(mailing=n, severity=severity, at=START + timedelta(hours=h))
        for n, h in enumerate(hours)
    ]


@pytest.mark.parametrize(
    ("hours", "number"),
    [((), 0), ((0,), 1), ((0, 23.9), 1), ((0, 24), 2), ((0, 12, 24), 2), ((0, 1, 2, 30, 31, 54), 3)],
)
def test_hard_refusals_count_when_they_are_a_day_apart(hours: tuple[float, ...], number: int) -> None:
    assert count_refusals(refused(HARD, *hours), HARD) == number


def test_soft_refusals_count_for_thirty_days() -> None:
    month = [24 * day for day in (0, 7, 14, 21, 28)]
    assert limit_reached(refused(SOFT, *month), BounceLimits(hard=2, soft=5)) is SOFT
    assert limit_reached(refused(SOFT, *month[:4], 24 * 30), BounceLimits(hard=2, soft=5)) is None


def test_hard_and_soft_refusals_are_not_added_up() -> None:
    assert (
        limit_reached([*refused(HARD, 0), *refused(SOFT, 24, 48, 72, 96)], BounceLimits(hard=2, soft=5))
        is None
    )
    assert limit_reached(refused(HARD, 0, 24), BounceLimits(hard=3, soft=5)) is None
    assert limit_reached(refused(HARD, 0), BounceLimits(hard=1, soft=5)) is HARD


@pytest.mark.parametrize(
    ("share", "many"),
    [
        ((1, 1, 1), False),
        ((4, 4, 4), False),
        ((5, 5, 5), True),
        ((5, 10, 10), False),
        ((6, 10, 10), True),
        ((10, 10, 1_000), False),  # of so few that were tried nothing is known yet
        ((11, 20, 1_000), True),
        ((10, 20, 1_000), False),
        ((19, 60, 60), False),
        ((20, 99, 1_000), True),
        ((20, 100, 1_000), False),
    ],
)
def test_very_many_refusals_are_the_relays(share: tuple[int, int, int], many: bool) -> None:
    assert is_mass_refusal(RefusalShare(refused=share[0], tried=share[1], planned=share[2])) is many


FINE, BAD = RefusalShare(refused=1, tried=50, planned=50), RefusalShare(refused=40, tried=50, planned=50)


@pytest.mark.parametrize(
    ("given_", "ruling"),
    [
        (RefusedMailing(mailing=1, state=MailingState.DONE, share=FINE), RefusalRuling.COUNT),
        (RefusedMailing(mailing=1, state=MailingState.READY, share=FINE, untried=True), None),
        (RefusedMailing(mailing=1, state=MailingState.READY, share=FINE), RefusalRuling.COUNT),
        (
            RefusedMailing(mailing=1, state=MailingState.CANCELLED, share=FINE, untried=True),
            RefusalRuling.COUNT,
        ),
        (RefusedMailing(mailing=1, state=MailingState.DONE, share=BAD), RefusalRuling.IGNORE),
        (RefusedMailing(mailing=1, state=MailingState.PAUSED, hold=MailingHold.REFUSALS, share=BAD), None),
        (RefusedMailing(mailing=1, state=MailingState.READY, canary=True, share=BAD, untried=True), None),
        (RefusedMailing(mailing=1, state=MailingState.PAUSED, hold=MailingHold.CANARY, share=FINE), None),
        (
            RefusedMailing(mailing=1, state=MailingState.DONE, share=BAD, ruling=RefusalRuling.COUNT),
            RefusalRuling.COUNT,
        ),
        (
            RefusedMailing(mailing=1, state=MailingState.READY, share=FINE, ruling=RefusalRuling.IGNORE),
            RefusalRuling.IGNORE,
        ),
    ],
)
def test_refusals_count_when_the_mailing_was_tried_and_not_stopped_for_them(
    given_: RefusedMailing, ruling: RefusalRuling | None
) -> None:
    assert refusal_ruling(given_) is ruling
