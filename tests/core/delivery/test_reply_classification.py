"""Whose fault a 5xx is: replies as servers and services say them, with addresses of examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.delivery.bounces import Blame, classify_reply

US = (
    "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
    "550 5.7.1 [192.0.2.1] Our system has detected that this message is likely unsolicited "
    "mail. To reduce the amount of spam sent to Gmail, this message has been blocked.",
    "550 5.7.26 This mail has been blocked because the sender is unauthenticated.",
    "550 5.7.515 Access denied, sending domain example.org doesn't meet the required authentication level",
    "550 5.7.606 Access denied, banned sending IP [192.0.2.1]",
    "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your "
    "Internet service provider since part of their network is on our block list (S3150)",
    "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.example.com/error-codes",
    "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list",
    "553 5.7.1 <news@harbour.example>: Sender address rejected: not owned by user newsletter",
    "550 5.1.0 <news@harbour.example>: Sender address rejected: User unknown in virtual mailbox table",
    "553 5.1.8 <news@harbour.example>: Sender address rejected: Domain not found",
    "550 5.1.7 Invalid address of sender",
    "554 5.7.1 <ana@example.org>: Relay access denied",
    "550 5.7.1 Unable to relay",
    "554 Message rejected: Email address is not verified. The following identities failed the "
    "check in region EU-WEST-1: news@harbour.example",
    "550 The from address does not match a verified Sender Identity. Mail cannot be sent until "
    "this error is resolved.",
    "550 Unauthenticated senders not allowed",
    "550 Domain sandbox123.mailgun.org is not allowed to send: Free accounts are for test "
    "purposes only. Please upgrade or add the address to authorized recipients.",
    "550 5.4.5 Daily user sending limit exceeded.",
    "550 blocked",
    "554 spam",
    "554 Your IP is blacklisted",
    "550 Administrative prohibition: policy violation",
    "550 relay not permitted",
    "550 relaying denied",
    "552 5.3.4 Message size exceeds fixed limit",
    "552 5.7.0 This message was blocked because its content presents a potential security issue.",
    "550 5.6.0 Lone CR or LF in body",
    "503 5.5.1 Error: need MAIL command",
    "554 5.5.0 no",
    "550 High probability of spam",
    "571 5.7.1 Message rejected as spam by Content Filtering.",
    "550 SPF check failed",
    "550 5.7.23 The message was rejected because of Sender Policy Framework violation",
    "550 5.1.0 sender rejected",
    "550 sender is rejected",
)

READER = (
    "550 5.1.1 no such user",
    "550 5.1.1 The email account that you tried to reach does not exist.",
    "550 5.1.1 spam trap: no such user blocked by policy",
    "550 5.1.1 <ana@example.org>: Recipient address rejected: User unknown in local recipient table",
    "550 5.1.0 Address rejected",
    "550 5.1.2 bad destination system address",
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
    "550 5.2.1 The email account that you tried to reach is disabled.",
    "552 5.2.2 mailbox full",
    "552-5.2.2 The email account that you tried to reach is over quota",
    "550 User unknown",
    "550 Requested action not taken: mailbox unavailable",
    "550 No such recipient here",
    "550 Account blocked",
    "550 mailbox blocked, policy",
    "550 This address no longer exists",
    "550 ana@example.org unknown",
    "550 Invalid recipient",
    "550 Recipient rejected",
    "550 spam@example.org: no such user",
    "550 <spf@example.org> User unknown",
    "550 5.7.17 the owner of this mailbox has changed",
    "550 5.7.2 not a member of this list",
)

NOBODY = (
    "554 5.7.1 user's policy forbids it",
    "550 5.7.1 <ana@example.org>: Recipient address rejected: Access denied",
    "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)",
    "550 5.7.1 The user you are trying to contact does not accept mail",
    "550 5.4.4 Host not found",
    "550 no",
    "554 Transaction failed",
    "550 5.0.0 rejected",
    "553 sorry, that domain isn't in my list of allowed rcpthosts",
    "550 <blocked@example.org> rejected",
)


@pytest.mark.parametrize(
    ("reply", "whose"),
    [
        *((reply, Blame.US) for reply in US),
        *((reply, Blame.READER) for reply in READER),
        *((reply, Blame.NOBODY) for reply in NOBODY),
    ],
)
def test_a_refusal_is_about_the_reader_or_about_us_or_does_not_say(reply: str, whose: Blame) -> None:
    assert classify_reply(reply) is whose


@given(st.sampled_from(READER), st.sampled_from(["spam", "blocked", "spf", "policy.sender", "5.7.1"]))
def test_what_a_reader_is_called_says_nothing(reply: str, name: str) -> None:
    assert classify_reply(reply.replace("ana@", f"{name}@")) is Blame.READER


@given(st.text(max_size=500))
def test_any_words_are_judged(words: str) -> None:
    assert classify_reply(f"550 {words}") in Blame
    assert classify_reply(f"550 5.1.1 {words}") is Blame.READER or "5." in words
