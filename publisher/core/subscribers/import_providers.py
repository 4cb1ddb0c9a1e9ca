"""Exports of other newsletter services: how to recognize each by its columns, and what those columns mean.

Columns are interpreted only within a recognized export. Columns about paid plans say nothing about email.
Names and words are normalized by `csv_cells.normalized`; comments say where each format is documented.

To add a service, add a `Provider` to PROVIDERS, before any provider whose marks its columns contain.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from publisher.core.subscribers.csv_cells import (
    NO_WORDS,
    SUBSCRIBED,
    YES_WORDS,
    RowStatus,
    SourceStatus,
    normalized,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusColumn:
    """A column that tells the status: by a word of `words`, or, if that is None, by not being empty
    (`filled`). `at` names the column with the date of that status; "" if this column holds it.
    """

    name: str
    words: Mapping[str, SourceStatus] | None = None
    filled: SourceStatus = SourceStatus.LEFT
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """A whole file: its name, its columns, and those of them with a value in any row; `filtered` is what the
    operator says that it was filtered by.
    """

    name: str
    columns: frozenset[str]
    filled: frozenset[str]
    filtered: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A newsletter service. A file with all columns of one of its `marks` is its export. `whole` is the
    status that every row has by being in that file; `warning` tells the operator what the file cannot.
    `asks_unconfirmed` means that somebody unconfirmed there is asked to confirm here; `confirms` means that
    the file says of each reader whether they confirmed.
    """

    name: str
    marks: Sequence[frozenset[str]]
    columns: Sequence[StatusColumn]
    whole: Callable[[FileFacts], RowStatus] = field(default=lambda _: SUBSCRIBED)
    warning: Callable[[FileFacts], str] = field(default=lambda _: "")
    asks_unconfirmed: bool = False
    confirms: bool = False


def _status_columns(times: Mapping[str, str], **words_of: str) -> tuple[StatusColumn, ...]:
    """Columns that state the status in the same words, each with the column of its time ("": none). The words
    of a status are apart by "|".
    """
    known = {word: SourceStatus(status) for status, words in words_of.items() for word in words.split("|")}
    return tuple(StatusColumn(name=name, words=known, at=at) for name, at in times.items())


def _flag(word: SourceStatus, *, when: bool) -> Mapping[str, SourceStatus]:
    """The words of a true/false column in which `when` means `word`. An empty cell is neither."""
    said, other = (YES_WORDS, NO_WORDS) if when else (NO_WORDS, YES_WORDS)
    return {text: word for text in said if text} | {text: SourceStatus.SUBSCRIBED for text in other if text}


def _mailchimp_file(facts: FileFacts) -> RowStatus:
    """Mailchimp exports subscribed, unsubscribed, cleaned and non-subscribed contacts as one file each.
    Non-subscribed contacts never opted in; only the file's name or the missing opt-in dates tell.
    """
    name, apart = normalized(facts.name).replace(" ", ""), "last changed" not in facts.columns
    if "nonsubscribed" in name:
        return RowStatus(status=SourceStatus.NOT_SUBSCRIBED, reason="in a file of non-subscribed contacts")
    if name.startswith("unsubscribed") or (apart and "unsub time" in facts.columns):
        return RowStatus(status=SourceStatus.LEFT, reason="in a file of unsubscribed contacts")
    if apart and "clean time" in facts.columns:
        return RowStatus(status=SourceStatus.BOUNCED, reason="in a file of cleaned contacts")
    if facts.filled.isdisjoint({"optin time", "confirm time"}):
        return RowStatus(
            status=SourceStatus.NOT_SUBSCRIBED,
            reason="non-subscribed: no row has OPTIN_TIME or CONFIRM_TIME",
        )
    return SUBSCRIBED


MAILCHIMP = Provider(
    name="Mailchimp",
    # The headers of subscribed, unsubscribed and cleaned files: fixtures of @tryghost/mg-mailchimp-members.
    marks=(
        frozenset({"optin time", "confirm time"}),
        frozenset({"member rating", "leid"}),
        frozenset({"leid", "euid"}),
    ),
    columns=(
        StatusColumn(name="unsub time", filled=SourceStatus.LEFT),
        StatusColumn(name="clean time", filled=SourceStatus.BOUNCED),
    ),
    whole=_mailchimp_file,
)

GHOST = Provider(
    name="Ghost",
    # Members > Export: id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,
    # created_at,deleted_at,labels,tiers.
    marks=(frozenset({"subscribed to emails"}),),
    columns=(
        StatusColumn(name="subscribed to emails", words=_flag(SourceStatus.LEFT, when=False)),
        StatusColumn(name="deleted at", filled=SourceStatus.LEFT),
    ),
    # The export has neither the newsletters of a member nor `email_disabled`, which Ghost sets after a bounce
    # or a complaint. Both can be filtered by: apps/posts/src/views/members of github.com/TryGhost/Ghost.
    warning=lambda _: (
        "a Ghost export does not say which newsletter a member gets, nor whose mail bounced or was reported "
        "as spam; export only the members with the filter newsletters.slug:SLUG+email_disabled:0"
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
        frozenset({"user email address"}),
        frozenset({"activity rating"}),
        frozenset({"subscription created at"}),
        frozenset({"num emails received"}),
        frozenset({"stripe plan", "cancel date"}),
        frozenset({"emails received (6mo)", "type"}),
        frozenset({"emails opened (6mo)", "type"}),
        frozenset({"subscription source (free)", "type"}),
    ),
    columns=(StatusColumn(name="email disabled", words=_flag(SourceStatus.LEFT, when=True)),),
    # The dashboard's export with all columns does not say who turned emails off.
    warning=lambda facts: (
        ""
        if "email disabled" in facts.columns
        else "does not say who turned emails off; also import Substack's file with `email_disabled`"
    ),
)

LISTMONK = Provider(
    name="listmonk",
    # listmonk's cmd/subscribers.go writes this header. The status is the account's: enabled, disabled,
    # blocklisted (models/subscribers.go).
    marks=(frozenset({"uuid", "attributes", "status"}),),
    columns=_status_columns({"status": ""}, subscribed="enabled", inactive="disabled", blocked="blocklisted"),
    warning=lambda facts: (
        ""
        if facts.filtered
        else "listmonk's CSV has the status of accounts, so people who left the list may still be `enabled`; "
        "its API says who left"
    ),
)

LISTMONK_PAGE_COLUMNS = ("email", "status", "subscription", "subscription_updated_at")
"""The columns of listmonk's API as `imports.subscriber_files` lays it out: the status of the account, and
that of the subscription to one list ("none" if there is none).
"""

UNDECIDED = "unconfirmed (single opt in)"
"""A subscription that listmonk mails although nobody confirmed it: its list does not ask."""

LISTMONK_PAGES = Provider(
    name="listmonk API",
    marks=(frozenset(map(normalized, LISTMONK_PAGE_COLUMNS)),),
    columns=(
        *LISTMONK.columns,
        *_status_columns(
            {"subscription": "subscription updated at"},
            subscribed="confirmed",
            unconfirmed=f"unconfirmed (double opt in)|{UNDECIDED}",
            left="unsubscribed",
            **{"not subscribed": "none"},
        ),
    ),
    asks_unconfirmed=True,
    confirms=True,
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
    columns=_status_columns(
        {"type": "unsubscription date", "subscriber type": "unsubscription date"},
        subscribed="regular|premium|paid|trialed|unpaid|gifted|churning|churned|paused|past due",
        unconfirmed="unactivated",
        inactive="spammy",
        left="unsubscribed|removed",
        bounced="undeliverable",
        complained="complained",
        blocked="blocked",
    ),
)

BEEHIIV = Provider(
    name="beehiiv",
    # The header: a fixture of @tryghost/mg-beehiiv-members. The words: its glossary ("Subscriber status") and
    # the statuses of its API.
    marks=(
        frozenset({"status", "unsubscribed at", "tier"}),
        frozenset({"status", "free tier", "tier"}),
        frozenset({"status", "subscription tier"}),
        frozenset({"status", "created at", "tier"}),
    ),
    columns=_status_columns(
        {"status": "unsubscribed at"},
        subscribed="active",
        left="inactive",
        unconfirmed="pending|validating",
        inactive="needs approval|needs attention|invalid|paused",
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
    columns=_status_columns(
        {"state": "canceled at", "status": "canceled at"},
        subscribed="active|confirmed",
        left="cancelled|canceled|unsubscribed",
        bounced="bounced",
        complained="complained",
        unconfirmed="inactive|unconfirmed",
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
    columns=_status_columns(
        {"status": "unsubscribed at", "type": "date unsubscribe"},
        subscribed="active",
        left="unsubscribed",
        unconfirmed="unconfirmed",
        bounced="bounced",
        complained="junk",
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
    columns=_status_columns({"status": ""}, subscribed="active", left="unsubscribed", bounced="unreachable"),
)

PROVIDERS = (
    MAILCHIMP,
    GHOST,
    SUBSTACK,
    LISTMONK,
    LISTMONK_PAGES,
    BUTTONDOWN,
    MAILERLITE,
    BEEHIIV,
    KIT,
    KEILA,
)
"""In order: the first provider with a matching mark wins."""
