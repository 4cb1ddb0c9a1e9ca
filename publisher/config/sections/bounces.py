"""[mail.bounces]: what comes back, by mail and by the webhooks of providers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from publisher.config.declaration import Section, SectionValues, setting
from publisher.config.types import (
    DURATION_PATTERN,
    PATH,
    HoldsSecret,
    InvalidValue,
    SettingType,
    either,
    parse_with,
    read_duration,
    read_fields,
    read_filled,
    read_host,
    read_table,
    table_schema,
    text_schema,
    whole,
)
from publisher.core.addresses import parse_address
from publisher.core.delivery.bounces import MAX_LOCAL_PART, BounceLimits
from publisher.core.delivery.relays import TOPIC_PATTERN, ImapAccount, MailProvider

IMAPS_PORT = 993

LONGEST_BODY_RETENTION = timedelta(days=30)
"""They hold what strangers wrote, and the mail that they return."""


def read_bounce_address(value: object) -> str:
    """An address whose local part leaves room for what names a delivery (VERP)."""
    address = parse_with(parse_address, read_filled(value))
    if len(address.local) > MAX_LOCAL_PART or not re.fullmatch(r"[A-Za-z0-9._-]+", address.local):
        raise InvalidValue(
            f"expected at most {MAX_LOCAL_PART} letters, digits, dots and hyphens before the @"
        )
    return str(address)


def read_bounce_source(value: object) -> Path | ImapAccount | None:
    """The Maildir or the IMAP mailbox that mail comes back to; None: nothing is read."""
    kind, colon, rest = read_filled(value).partition(":")
    if kind == "none" and not colon:
        return None
    if kind == "maildir" and rest.strip():
        return Path(rest.strip()).expanduser()
    try:
        url = urlsplit(read_filled(value))
        host, port = read_host(url.hostname or ""), url.port or IMAPS_PORT
    except ValueError:
        raise InvalidValue from None
    if url.password is not None:
        raise HoldsSecret("expected no password in it: put it into a file, and name that as password_file")
    if url.scheme != "imaps" or not url.username or url.query or url.fragment:
        raise InvalidValue
    folder = unquote(url.path.removeprefix("/")) or "INBOX"
    return ImapAccount(host=host, port=port, username=unquote(url.username), folder=folder)


def locate_source(source: Path | ImapAccount | None, folder: Path) -> Path | ImapAccount | None:
    """The source, seen from the site in `folder`."""
    return folder / source if isinstance(source, Path) else source


def read_body_retention(value: object) -> timedelta:
    """How long to keep returned messages."""
    kept = read_duration(value)
    if not timedelta(days=1) <= kept <= LONGEST_BODY_RETENTION:
        raise InvalidValue
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """One of `mail.bounces.webhooks`. SES has a topic, the others have a file."""

    secret_file: Path | None = None
    topic: str = ""


def read_topic(value: object) -> str:
    """The ARN of a topic of Amazon SNS."""
    text = read_filled(value)
    if not re.fullmatch(TOPIC_PATTERN, text):
        raise InvalidValue
    return text


def read_webhooks(value: object) -> Mapping[MailProvider, WebhookSettings]:
    """What each provider's requests are checked with, by its name."""
    found: dict[MailProvider, WebhookSettings] = {}
    for name, item in read_table(value).items():
        if name not in {provider.value for provider in MailProvider}:
            raise InvalidValue
        needed = "topic" if name == MailProvider.SES else "secret_file"
        fields = {needed: WEBHOOK_FIELDS[needed]}
        found[MailProvider(name)] = WebhookSettings(**read_fields(item, fields, required=fields))
    return found


def locate_webhooks(
    webhooks: Mapping[MailProvider, WebhookSettings], folder: Path
) -> Mapping[MailProvider, WebhookSettings]:
    """The same, with the files of the site in `folder`."""
    return {
        name: replace(one, secret_file=folder / one.secret_file) if one.secret_file else one
        for name, one in webhooks.items()
    }


BOUNCE_ADDRESS = SettingType(
    'an address such as "bounces@example.org"',
    read_bounce_address,
    text_schema(f"[A-Za-z0-9._-]{{1,{MAX_LOCAL_PART}}}@.+"),
)
BOUNCE_SOURCE = SettingType(
    '"none", "maildir:" and a folder, or a mailbox such as "imaps://bounces%40example.org@imap.example.org"',
    read_bounce_source,
    either({"enum": ["none"]}, text_schema("(maildir:|imaps://).+")),
    locate=locate_source,
)
WEBHOOK_FIELDS: Mapping[str, SettingType[Any]] = {
    "secret_file": PATH,
    "topic": SettingType("the ARN of a topic", read_topic, text_schema(TOPIC_PATTERN)),
}
_BY_SECRET = {"secret_file": WEBHOOK_FIELDS["secret_file"]}
_BY_TOPIC = {"topic": WEBHOOK_FIELDS["topic"]}
WEBHOOKS = SettingType(
    'providers, as in {postmark = {secret_file = "..."}}, where ses has a topic instead',
    read_webhooks,
    {
        "type": "object",
        "properties": {
            provider.value: table_schema(fields, required=fields)
            for provider in MailProvider
            for fields in [_BY_TOPIC if provider is MailProvider.SES else _BY_SECRET]
        },
        "additionalProperties": False,
    },
    verbatim=False,
    locate=locate_webhooks,
)
BODY_RETENTION = SettingType(
    'a duration from "1d" to "30d"', read_body_retention, text_schema(DURATION_PATTERN)
)


class BounceSettings(SectionValues):
    """[mail.bounces]. `address` is "" for the list's own."""

    address: str = setting(
        BOUNCE_ADDRESS,
        help="Where undeliverable mail comes back to. Each message gets a variant: "
        "bounces+...@example.org. Default: the list's From.",
        unset="",
        shown='"bounces@example.org"',
    )
    hard_limit: int = setting(
        whole(1, 100),
        help="Stop mailing an address after this many mailings were refused because its mailbox does "
        "not exist, each a day or more after the last.",
        default=2,
    )
    soft_limit: int = setting(
        whole(1, 100),
        help="Stop mailing an address after this many mailings within 30 days were refused for other "
        "reasons, such as a full mailbox, and none was accepted in between.",
        default=5,
    )

    source: Path | ImapAccount | None = setting(
        BOUNCE_SOURCE,
        help='Where `publisher run` reads what comes back: "maildir:PATH" for a Maildir, '
        '"imaps://USER@HOST/MAILBOX" for a mailbox (an @ in USER is %40). "none": nowhere; a mail server can '
        "hand it to `publisher bounce`.",
        default="none",
    )
    password_file: Path | None = setting(
        PATH, help="A file that holds only the password of that mailbox.", shown='".publisher/imap-password"'
    )
    webhooks: Mapping[MailProvider, WebhookSettings] = setting(
        WEBHOOKS,
        help="Providers that tell this site about bounces and complaints at /hooks/NAME: ses, mailgun, "
        "sendgrid, postmark and brevo. secret_file holds the signing key of Mailgun, the verification key of "
        "SendGrid, or the password that you gave to Postmark or Brevo; topic is that of Amazon SNS.",
        unset={},
        shown='{postmark = {secret_file = ".publisher/postmark-secret"}}',
    )
    retention: timedelta = setting(
        BODY_RETENTION,
        help="How long to keep returned messages, at most 30 days. Publisher keeps what it learned from them "
        "for 180 days.",
        default="30d",
    )

    @property
    def limits(self) -> BounceLimits:
        """How many refusals end mail to an address."""
        return BounceLimits(hard=self.hard_limit, soft=self.soft_limit)


BOUNCES = Section(
    "mail.bounces",
    "Mail that cannot be delivered: where it comes back to, and when Publisher stops mailing an address.",
    BounceSettings,
)
