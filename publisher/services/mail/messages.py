"""Makes messages: the mails that are not digests (confirmations, welcome mails, account links), the headers
of every mail of a list, and each reader's signed message.

A letter is rendered with marks; frozen, it is a cohort's segments, into which each reader's values are
filled before the message is signed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from publisher.core.addresses import is_common_address, parse_address, parse_mailbox
from publisher.core.caching import LruCache
from publisher.core.delivery.bounces import return_path, unsubscribe_tag
from publisher.core.delivery.mailing import Batch, Delivery, Mailing
from publisher.core.digests.digest import DigestContent, DigestLinks, DigestPost, Layout, LetterKind
from publisher.core.mail.dkim import CanonicalMessage, canonical_message
from publisher.core.mail.message import (
    EmailContent,
    Envelope,
    Message,
    Placeholder,
    Recipe,
    Segment,
    SegmentTemplate,
    is_dotless,
)
from publisher.core.mail.mime import compose, date_value, freeze_segments
from publisher.core.site import Site
from publisher.core.subscribers.subscription import MailingList
from publisher.core.tokens import (
    KeyRing,
    Purpose,
    expiry_minutes,
    mailbox_key,
    opaque_id,
    sign_fields,
    split_mailbox_key,
)
from publisher.ports import PendingSignature, Signer
from publisher.services.deps import Deps
from publisher.services.posts.content import digest_post

MAX_COHORTS = 32
"""How many cohorts are kept ready for signing: those of a few mailings that are sent at once."""

PREFERENCES_LIFETIME = timedelta(days=90)
"""How long the preferences link in a mail works; the next mail has a new one."""

ONE_TIME_LIFETIME = timedelta(minutes=30)
"""How long a one-time link works after the reader requested it."""

_PURPOSES = {
    Placeholder.UNSUBSCRIBE: Purpose.UNSUBSCRIBE,
    Placeholder.CONFIRM: Purpose.CONFIRM,
    Placeholder.PREFERENCES: Purpose.PREFERENCES,
    Placeholder.VIEW: Purpose.VIEW,
    Placeholder.EXPORT: Purpose.EXPORT,
    Placeholder.ERASE: Purpose.ERASE,
    Placeholder.ADDRESS: Purpose.ADDRESS,
    Placeholder.NEVER_ASK: Purpose.NEVER_ASK,
}
_ONE_TIME = frozenset({Purpose.EXPORT, Purpose.ERASE, Purpose.ADDRESS})
_LIFETIMES = {Purpose.PREFERENCES: PREFERENCES_LIFETIME, **dict.fromkeys(_ONE_TIME, ONE_TIME_LIFETIME)}

_OF_MAILING = _ONE_TIME | {Purpose.VIEW}
"""Tokens that name a mailing; the others name a generation of a subscription and end with it."""

PostVersions = tuple[tuple[str, str], ...]
"""Versions of posts: (post id, revision), oldest first."""

FrozenMail = tuple[str, Recipe, Mapping[str, bytes]]
"""The subject, the recipe of the message, and the segments that the recipe names."""


def message_id(keyring: KeyRing, mailing: Mailing, n: int) -> tuple[str, str]:
    """The (key, Message-ID) of a delivery: the same on every attempt and after a restart."""
    return _key(mailing.id, n), _whole_id(_left_part(keyring, mailing.id, n), mailing.sender)


def _key(mailing: int, n: int) -> str:
    return f"{mailing:06d}-{n:08d}"


def _left_part(ring: KeyRing, mailing: int, n: int) -> str:
    """The part of a Message-ID before the @: stable and unguessable."""
    return f"{mailing}.{n}.{opaque_id(ring, mailing, n)}"


def _whole_id(left: str, sender: str) -> str:
    return f"<{left}@{sender.rpartition('@')[2]}>"


@dataclass(slots=True)
class _CohortMessages:
    """What the messages of a cohort share: their template and how they are signed."""

    form: SegmentTemplate
    tokens: Mapping[Placeholder, tuple[Purpose, int]]  # and when each expires, in minutes
    domain: str
    signer: Signer | None
    signable: CanonicalMessage | None
    dotless: bool
    plain: bool
    unsubscribes_by_mail: bool


class PendingMessage:
    """A message that is complete but for its signature, which may take a while."""

    __slots__ = ("_cohort", "_envelope", "_fields", "_key", "_message", "_message_id", "_values")

    def __init__(
        self,
        cohort: _CohortMessages,
        values: Mapping[Placeholder, bytes],
        key: str,
        message_id: str,
        envelope: Envelope,
    ) -> None:
        self._cohort, self._values = cohort, values
        self._key, self._message_id, self._envelope = key, message_id, envelope
        self._message: Message | None = None
        self._fields: bytes | PendingSignature = b""
        if cohort.signer is not None and cohort.signable is not None:
            self._fields = cohort.signer.sign(cohort.domain, cohort.signable, values)

    @property
    def ready(self) -> Message | None:
        """The message, or None while its signature is being made. It is equal for every attempt, and the same
        object each time.
        """
        if self._message is not None:
            return self._message
        fields = self._fields if isinstance(self._fields, bytes) else self._fields.fields
        return None if fields is None else self._signed(fields)

    async def whole(self) -> Message:
        """Waits until the message is ready."""
        return self.ready or self._signed(
            self._fields if isinstance(self._fields, bytes) else await self._fields
        )

    def _signed(self, fields: bytes) -> Message:
        self._message = message = Message(
            key=self._key,
            message_id=self._message_id,
            envelope=self._envelope,
            data=self._cohort.form.fill(self._values, fields),
            dotless=self._cohort.dotless,
            plain=self._cohort.plain and self._values[Placeholder.TO].isascii(),
        )
        return message


class MessageBuilder:
    """Builds the messages of a run, signed if the site has keys for the domain of From."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._bounces = parse_address(deps.rules.bounce_address) if deps.rules.bounce_address else None
        self._cohorts = LruCache(MAX_COHORTS)

    def begin(self, batch: Batch, row: Delivery, segments: tuple[Segment, ...]) -> PendingMessage:
        """Builds the message of one delivery, all but its signature."""
        key = row.sender, batch.date, segments  # not its number: it may be reworded while it waits
        cohort = self._cohorts.get_or_make(key, lambda: self._cohort_messages(*key))
        ring = self._deps.process.keyring()
        address = row.address if is_common_address(row.address) else str(parse_address(row.address))
        left = _left_part(ring, row.mailing, row.n)
        values: dict[Placeholder, bytes] = {
            Placeholder.TO: address.encode(),
            Placeholder.DATE: date_value(batch.date),
            Placeholder.MESSAGE_ID: left.encode("ascii"),
        }
        for place, (purpose, expires) in cohort.tokens.items():
            life = row.mailing if purpose in _OF_MAILING else row.generation
            numbers = row.subscription, life
            if purpose is Purpose.NEVER_ASK:
                numbers = split_mailbox_key(mailbox_key(parse_address(address), ring))
            values[place] = sign_fields(purpose, *numbers, expires, ring).encode("ascii")
        if cohort.unsubscribes_by_mail:
            values[Placeholder.UNSUBSCRIBE_TAG] = unsubscribe_tag(row.mailing, row.n, ring).encode("ascii")
        # Bounces come back to an address of this delivery's own (VERP), else to that of From.
        mail_from = row.sender
        if self._bounces is not None:
            mail_from = return_path(self._bounces, row.mailing, row.n, ring)
        envelope = Envelope(mail_from=mail_from, rcpt_to=address)
        return PendingMessage(cohort, values, _key(row.mailing, row.n), _whole_id(left, row.sender), envelope)

    def _cohort_messages(self, sender: str, date: datetime, segments: Sequence[Segment]) -> _CohortMessages:
        domain = sender.rpartition("@")[2]
        signer = self._deps.adapters.signer()  # keys are read when the first message is made
        signer = signer if signer is not None and signer.signs(domain) else None
        form = SegmentTemplate(segments)
        return _CohortMessages(
            form=form,
            tokens=_token_purposes(form.places, date),
            domain=domain,
            signer=signer,
            signable=canonical_message(segments) if signer else None,
            dotless=is_dotless(segments),
            plain=all(not isinstance(it, bytes) or it.isascii() for it in segments),
            unsubscribes_by_mail=Placeholder.UNSUBSCRIBE_TAG in form.places,
        )


class TokenOwner(Protocol):
    """Whose tokens to make: a delivery, or something like one."""

    @property
    def mailing(self) -> int: ...
    @property
    def subscription(self) -> int: ...
    @property
    def generation(self) -> int: ...


def reader_tokens(
    keyring: KeyRing, places: frozenset[Placeholder], owner: TokenOwner, sent: datetime
) -> dict[Placeholder, bytes]:
    """One reader's tokens for the `places` that take one, in a mail sent at `sent`."""
    made: dict[Placeholder, bytes] = {}
    for place, (purpose, expires) in _token_purposes(places, sent).items():
        life = owner.mailing if purpose in _OF_MAILING else owner.generation
        made[place] = sign_fields(purpose, owner.subscription, life, expires, keyring).encode("ascii")
    return made


def _token_purposes(
    places: frozenset[Placeholder], sent: datetime
) -> Mapping[Placeholder, tuple[Purpose, int]]:
    """The places that take a token, with its purpose and the minute it expires in, 0 for never."""
    found = {place: _PURPOSES[place] for place in places & _PURPOSES.keys()}
    return {
        place: (purpose, expiry_minutes(sent + _LIFETIMES[purpose]) if purpose in _LIFETIMES else 0)
        for place, purpose in found.items()
    }


def freeze_letter(letter: EmailContent) -> FrozenMail:
    """The letter as bytes that lack only what differs for each reader."""
    recipe, segments = freeze_segments(compose(letter))
    return letter.subject, recipe, segments


def digest_links(
    site: Site, spec: MailingList, mailing: int | None, *, mark: str, choosing: str = "", viewing: str = ""
) -> DigestLinks:
    """The links of a digest: of a mail, with `mark` for the reader's unsubscribe token, or of its web page,
    without marks. `choosing` is the mark in the link to the reader's preferences, `viewing` in the link to
    the digest as they got it.
    """
    base = site.public_url
    archive = f"{base}digests/{spec.slug}/"
    return DigestLinks(
        unsubscribe=f"{base}unsubscribe/{mark}" if mark else "",
        preferences=f"{base}preferences/{choosing}" if choosing else "",
        view=f"{base}view/{viewing}" if viewing else "",
        web=f"{archive}{mailing}/" if mark and mailing else "",
        archive=archive,
        subscribe=f"{base}subscribe/{spec.slug}",
    )


def welcome_message(deps: Deps, spec: MailingList, posts: PostVersions, language: str) -> FrozenMail:
    """The welcome mail, with the latest posts, to a subscriber who has confirmed."""
    versions = deps.adapters.store.post_versions(posts)
    bodies = deps.adapters.store.bodies({known.post.body_hash for known in versions})
    shown = [digest_post(deps, known, bodies[known.post.body_hash], Layout.SUMMARY) for known in versions]
    return freeze_letter(welcome_letter(deps, spec, shown, language))


def welcome_letter(deps: Deps, spec: MailingList, posts: Sequence[DigestPost], language: str) -> EmailContent:
    """The welcome mail, with marks where the subscriber's tokens go."""
    mark, choosing = f"mark{deps.process.nonce()}", f"mark{deps.process.nonce()}"
    links = digest_links(deps.rules.site, spec, None, mark=mark, choosing=choosing)
    content = deps.adapters.renderer.letter(
        LetterKind.WELCOME, spec, links, site=deps.rules.site, language=language, posts=posts
    )
    return replace(
        list_letter(deps, spec, content, links, f"0:{spec.slug}:welcome"),
        marks={mark: Placeholder.UNSUBSCRIBE, choosing: Placeholder.PREFERENCES},
    )


def confirmation_message(deps: Deps, *lists: MailingList) -> FrozenMail:
    """The mail that asks to confirm a sign-up for one list or several."""
    return freeze_letter(confirmation_letter(deps, *lists))


def confirmation_letter(deps: Deps, *lists: MailingList) -> EmailContent:
    """The mail that asks to confirm, with marks where tokens go. It comes from the first list."""
    mark, never = f"mark{deps.process.nonce()}", f"mark{deps.process.nonce()}"
    base = deps.rules.site.public_url
    links = DigestLinks(confirm=f"{base}confirm/{mark}", never_ask=f"{base}never-ask/{never}")
    spec = replace(lists[0], title=joined_titles(lists))
    language = deps.rules.language(lists[0])
    content = deps.adapters.renderer.letter(
        LetterKind.CONFIRM, spec, links, site=deps.rules.site, language=language
    )
    return replace(
        email_content(spec, content), marks={mark: Placeholder.CONFIRM, never: Placeholder.NEVER_ASK}
    )


def joined_titles(lists: Sequence[MailingList]) -> str:
    """The titles of several lists in one line."""
    return ", ".join(spec.title for spec in lists)


def account_message(deps: Deps, spec: MailingList, place: Placeholder, language: str) -> FrozenMail:
    """The mail with a link that one reader asked for. `place` is EXPORT, ERASE, ADDRESS or UNSUBSCRIBE."""
    return freeze_letter(account_letter(deps, spec, place, language))


def account_letter(deps: Deps, spec: MailingList, place: Placeholder, language: str) -> EmailContent:
    """The mail with a link that works once, or one to unsubscribe, with a mark where its token goes."""
    mark = f"mark{deps.process.nonce()}"
    folder = "" if place is Placeholder.UNSUBSCRIBE else "account/"
    links = DigestLinks(**{place.value: f"{deps.rules.site.public_url}{folder}{place.value}/{mark}"})
    content = deps.adapters.renderer.letter(
        LetterKind.ACCOUNT, spec, links, site=deps.rules.site, language=language
    )
    return replace(email_content(spec, content), marks={mark: place})


def list_letter(
    deps: Deps, spec: MailingList, content: DigestContent, links: DigestLinks, feedback: str
) -> EmailContent:
    """A mail to subscribers: headers name the list and unsubscribe in one click (RFC 2369, 2919, 8058)."""
    by_mail = deps.rules.unsubscribe_address
    mailbox = parse_address(by_mail) if by_mail else None
    return replace(
        email_content(spec, content),
        list_id=f"{spec.slug}.{parse_mailbox(spec.sender).address.domain}",
        list_title=spec.title,
        unsubscribe=links.unsubscribe,
        unsubscribe_mailbox=(mailbox.local, mailbox.domain) if mailbox else None,
        help=links.subscribe,
        archive=links.archive,
        feedback_id=f"{feedback}:publisher",
    )


def email_content(spec: MailingList, content: DigestContent) -> EmailContent:
    """A mail from a list, with nothing about the list in its headers."""
    return EmailContent(
        subject=content.subject,
        text=content.text,
        html=content.html,
        sender=spec.sender,
        reply_to=spec.reply_to,
    )
