"""Exports of other newsletter services: how each is known by its columns, and what these say of a reader.

Columns are judged only within an export that was recognized; what a service writes about paid plans says
nothing about mail. Names and words are in the spelling of `standings.plain`; each says where it comes from.

To add a service: one `Provider` in PROVIDERS, above any whose marks its own columns contain.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from publisher.core.standings import NO, SUBSCRIBED, YES, Standing, Statement, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column that says where a reader stands: by a word of `words`, or, where that is None, by being filled
    in at all (`filled`). `at` names the column that says since when; "" where it is this one.
    """

    name: str
    words: Mapping[str, Standing] | None = None
    filled: Standing = Standing.LEFT
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What is known of a whole file: its name, its columns, and those of them that any row fills in."""

    name: str
    columns: frozenset[str]
    filled: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A service. A file that has all columns of one of its `marks` is its export. `whole` tells what being in
    a file means, whatever its rows say. `warning` is what the operator must know that the file cannot tell.
    """

    name: str
    marks: Sequence[frozenset[str]]
    columns: Sequence[Column]
    whole: Callable[[FileFacts], Statement] = field(default=lambda _: SUBSCRIBED)
    warning: Callable[[FileFacts], str] = field(default=lambda _: "")


def _words(**standings: str) -> Mapping[str, Standing]:
    return {word: Standing(standing) for standing, words in standings.items() for word in words.split("|")}


def _flag(word: Standing, *, when: bool) -> Mapping[str, Standing]:
    """A column of truths, one of which means `word`; empty is no truth at all."""
    said, other = (YES, NO) if when else (NO, YES)
    return {text: word for text in said if text} | {text: Standing.SUBSCRIBED for text in other if text}


def _mailchimp_file(facts: FileFacts) -> Statement:
    """The archive of an audience holds a file each for subscribed, unsubscribed, cleaned and non-subscribed
    contacts; the last have never opted in, and their names alone do not always say so.
    """
    name, apart = plain(facts.name).replace(" ", ""), "last changed" not in facts.columns
    if "nonsubscribed" in name:
        return Statement(standing=Standing.NEVER, reason="non-subscribed contact, by the name of the file")
    if name.startswith("unsubscribed") or (apart and "unsub time" in facts.columns):
        return Statement(standing=Standing.LEFT, reason="in the file of unsubscribed contacts")
    if apart and "clean time" in facts.columns:
        return Statement(standing=Standing.BOUNCED, reason="in the file of cleaned contacts")
    if facts.filled.isdisjoint({"optin time", "confirm time"}):
        return Statement(
            standing=Standing.NEVER, reason="non-subscribed contact: no OPTIN_TIME, no CONFIRM_TIME"
        )
    return SUBSCRIBED


def _substack_warning(facts: FileFacts) -> str:
    """The list with all columns of the subscriber dashboard does not say who turned mail off."""
    if "email disabled" in facts.columns:
        return ""
    return "this Substack file does not say who turned emails off; import the one with `email_disabled` too"


MAILCHIMP = Provider(
    name="Mailchimp",
    # The heads of subscribed, unsubscribed and cleaned files: fixtures of @tryghost/mg-mailchimp-members.
    marks=(
        frozenset({"optin time", "confirm time"}),
        frozenset({"member rating", "leid"}),
        frozenset({"leid", "euid"}),
    ),
    columns=(
        Column(name="unsub time", filled=Standing.LEFT),
        Column(name="clean time", filled=Standing.BOUNCED),
    ),
    whole=_mailchimp_file,
)

GHOST = Provider(
    name="Ghost",
    # Members > Export: id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,
    # created_at,deleted_at,labels,tiers.
    marks=(frozenset({"subscribed to emails"}),),
    columns=(
        Column(name="subscribed to emails", words=_flag(Standing.LEFT, when=False)),
        Column(name="deleted at", filled=Standing.LEFT),
    ),
)

SUBSTACK = Provider(
    name="Substack",
    # The email list of the settings and its older form: fixtures of @tryghost/mg-substack-members-csv. The
    # dashboard's columns are labels of the same facts; `state` and "State/Province" are a part of the USA.
    marks=(
        frozenset({"email disabled", "expiry"}),
        frozenset({"email disabled", "active subscription"}),
        frozenset({"active subscription", "expiry"}),
        frozenset({"active subscription", "subscription type"}),
        frozenset({"email disabled", "subscription type"}),
        frozenset({"active subscription", "state"}),
        frozenset({"email disabled", "state"}),
        frozenset({"subscription type", "state"}),
        frozenset({"subscription type", "country"}),
        frozenset({"user email address", "subscription type"}),
        frozenset({"stripe plan", "cancel date"}),
        frozenset({"emails received (6mo)", "type"}),
        frozenset({"emails opened (6mo)", "type"}),
        frozenset({"subscription source (free)", "type"}),
    ),
    columns=(Column(name="email disabled", words=_flag(Standing.LEFT, when=True)),),
    warning=_substack_warning,
)

LISTMONK = Provider(
    name="listmonk",
    # cmd/subscribers.go of listmonk writes this head. The status is the account's: enabled, disabled,
    # blocklisted (models/subscribers.go).
    marks=(frozenset({"uuid", "attributes", "status"}),),
    columns=(
        Column(name="status", words=_words(subscribed="enabled", off="disabled", blocked="blocklisted")),
    ),
)

BUTTONDOWN = Provider(
    name="Buttondown",
    # The fields of its API's subscribers, and their types: enums.json of github.com/buttondown/openapi.
    # All but a few types are paid plans, whose readers get mail.
    marks=(
        frozenset({"email address", "type"}),
        frozenset({"email", "subscriber type"}),
        frozenset({"type", "metadata"}),
        frozenset({"type", "creation date"}),
        frozenset({"type", "unsubscription date"}),
    ),
    columns=tuple(
        Column(
            name=name,
            words=_words(
                subscribed="regular|premium|paid|trialed|unpaid|gifted|churning|churned|paused|past due",
                unconfirmed="unactivated",
                off="spammy",
                left="unsubscribed|removed",
                bounced="undeliverable",
                complained="complained",
                blocked="blocked",
            ),
            at="unsubscription date",
        )
        for name in ("type", "subscriber type")
    ),
)

BEEHIIV = Provider(
    name="beehiiv",
    # The head: a fixture of @tryghost/mg-beehiiv-members. The words: its glossary ("Subscriber status") and
    # the statuses of its API.
    marks=(
        frozenset({"status", "unsubscribed at", "tier"}),
        frozenset({"status", "free tier", "tier"}),
        frozenset({"status", "subscription tier"}),
        frozenset({"status", "created at", "tier"}),
    ),
    columns=(
        Column(
            name="status",
            words=_words(
                subscribed="active",
                left="inactive",
                unconfirmed="pending|validating",
                off="needs approval|needs attention|invalid|paused",
            ),
            at="unsubscribed at",
        ),
    ),
)

KIT = Provider(
    name="Kit",
    # The fields and states of its API (developers.kit.com, "List subscribers"), and the words of its pages.
    marks=(
        frozenset({"email address", "first name", "state"}),
        frozenset({"email address", "state", "created at"}),
        frozenset({"first name", "state", "created at"}),
        frozenset({"first name", "status", "created at", "id"}),
    ),
    columns=tuple(
        Column(
            name=name,
            words=_words(
                subscribed="active|confirmed",
                left="cancelled|canceled|unsubscribed",
                bounced="bounced",
                complained="complained",
                unconfirmed="inactive|unconfirmed",
            ),
            at="canceled at",
        )
        for name in ("state", "status")
    ),
)

MAILERLITE = Provider(
    name="MailerLite",
    # The fields of its API's subscribers, of today and of MailerLite Classic (developers.mailerlite.com,
    # developers-classic.mailerlite.com). Its field `state` is a part of a country.
    marks=(
        frozenset({"status", "opted in at"}),
        frozenset({"status", "subscribed at", "unsubscribed at"}),
        frozenset({"status", "opens count"}),
        frozenset({"type", "date subscribe"}),
        frozenset({"type", "signup timestamp"}),
    ),
    columns=tuple(
        Column(
            name=name,
            words=_words(
                subscribed="active",
                left="unsubscribed",
                unconfirmed="unconfirmed",
                bounced="bounced",
                complained="junk",
            ),
            at=at,
        )
        for name, at in (("status", "unsubscribed at"), ("type", "date unsubscribe"))
    ),
)

KEILA = Provider(
    name="Keila",
    # What it imports, and the statuses of its contacts: test/keila/contacts/import_rfc_4180_with_status.csv
    # and lib/keila/contacts/schemas/contact.ex of github.com/pentacent/keila.
    marks=(
        frozenset({"email", "first name", "last name", "status"}),
        frozenset({"external id", "status"}),
        frozenset({"double opt in at", "status"}),
    ),
    columns=(
        Column(
            name="status",
            words=_words(subscribed="active", left="unsubscribed", bounced="unreachable"),
        ),
    ),
)

PROVIDERS = (MAILCHIMP, GHOST, SUBSTACK, LISTMONK, BUTTONDOWN, MAILERLITE, BEEHIIV, KIT, KEILA)
"""In the order in which they are asked for: a service whose marks others have too comes after those."""
