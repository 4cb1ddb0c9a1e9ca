"""Which parts a site is made of: the only place that picks them.

How ids are made, and the parts that look at the world outside; loaded when something asks for them.

What ships with Publisher: templates, the default settings, the example site.
"""

import hashlib
import secrets
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from publisher import __version__
from publisher.app.clock import wall_clock
from publisher.core.errors import SettingsError

if TYPE_CHECKING:
    from publisher.app.app import App
    from publisher.config.settings import DkimSettings, MailSettings, RelaySettings, Settings
    from publisher.core.addresses import Blocklist
    from publisher.core.delivery.relays import Relay
    from publisher.core.delivery.throttling import ThrottlingRules
    from publisher.core.publishing.ids import Naming
    from publisher.ports import Adoptions, FeedReader, Moves, RelayQuotas, Signer, Web
    from publisher.services.deps import Deps
    from publisher.sources import FolderSource


def make_parts(app: "App", *, sends: bool = True) -> "Deps":
    """Everything the services need, for this site. What never `sends` needs no password."""
    settings = app.settings
    from publisher.core.subscribers.cadences import CADENCES
    from publisher.formats import FORMATS, opml
    from publisher.markup import SafeMarkup
    from publisher.rendering import JinjaRenderer
    from publisher.services.deps import Deps
    from publisher.stores.files.journal import FileJournal
    from publisher.stores.files.public_folder import PublicDirectory
    from publisher.transports import TRANSPORTS

    run = secrets.token_hex(8)
    return Deps(
        site=settings.site,
        feeds=settings.feeds,
        lists=settings.lists,
        naming=naming(app),
        hubs=settings.websub.hubs,
        max_age=settings.posts.max_age,
        pages=settings.posts.pages,
        batch=settings.queue.batch,
        bounces=settings.mail.bounces,
        limits=settings.mail.limits,
        blocked=blocked(settings),
        run=run,
        stamp=stamp(app),
        clock=app.clock,
        nonce=lambda: secrets.token_hex(12),
        reach=app.reach,
        source=lambda: app.source,
        markup=SafeMarkup(settings.site.url),
        formats=FORMATS,
        outline=opml,
        cadences=CADENCES,
        renderer=JinjaRenderer(app.template_folders),
        shelf=PublicDirectory(app.public, app.reach),
        store=app.store,
        journal=FileJournal(app.state / "journal"),
        transport=TRANSPORTS[settings.mail.transport](
            app.outbox, relays(settings.mail, sends=sends), quotas(app, run)
        ),
        ring=lambda: app.ring,
        pacing=pacing(settings.mail),
        ticks=time.monotonic,
        adoptions=adoptions(app),
        moves=moves(app),
        reader=reader,
        web=web,
        signer=lambda: app.signer,
        asks=settings.site.public_url if settings.mail.transport == "smtp" else "",
        run_is_active=app.run_is_active,
    )


def blocked(settings: "Settings") -> "Blocklist":
    """What no reader may sign up: what settings name, and the addresses that mail comes from and goes back
    to, which would answer themselves.
    """
    from publisher.core.addresses import Blocklist, parse, parse_mailbox

    own = [text for spec in settings.lists for text in (spec.sender, spec.reply_to) if text]
    own += [settings.mail.bounces] if settings.mail.bounces else []
    named = settings.web.blocked
    return Blocklist(
        mailboxes=frozenset(parse_mailbox(text).address.mailbox for text in own)
        | {parse(text).mailbox for text in named if "@" in text},
        domains=frozenset(text for text in named if "@" not in text),
    )


def make_signer(dkim: "DkimSettings") -> "Signer | None":
    """Signs with the site's keys; None: there are none. Raises SettingsError: a key is no key."""
    if not dkim.keys:
        return None
    from publisher.transports.dkim import load_key
    from publisher.transports.dkim_signer import DkimSigner

    return DkimSigner([load_key(selector, file) for selector, file in dkim.keys], dkim.domain)


def quotas(app: "App", run: str) -> "RelayQuotas | None":
    """What keeps the quotas of relays; None: there are none."""
    if not pacing(app.settings.mail).quotas:
        return None
    from publisher.services.delivery.circuit_breakers import StoredRelayQuotas

    return StoredRelayQuotas(lambda: app.store, run, app.clock)


def pacing(mail: "MailSettings") -> "ThrottlingRules":
    """How fast mail may leave, and when it may not."""
    from publisher.core.delivery.relay_quotas import quota_of
    from publisher.core.delivery.throttling import Canary, ThrottlingRules, together

    relays = [item.relay for item in mail.relays] if mail.transport == "smtp" else []
    total, groups = together(relays)
    return ThrottlingRules(
        total=total,
        groups=groups,
        quiet=mail.quiet_hours,
        warm_up=mail.warm_up,
        canary=mail.canary or Canary(),
        quotas=tuple(quota for relay in relays if (quota := quota_of(relay)) is not None),
    )


def relays(mail: "MailSettings", *, sends: bool = True) -> "list[Relay]":
    """The mail servers of a site; to send, with their passwords. Raises SettingsError: one cannot be read."""
    if mail.transport != "smtp":
        return []
    if not sends:
        return [item.relay for item in mail.relays]
    return [replace(item.relay, password=_password(item)) for item in mail.relays]


def _password(item: "RelaySettings") -> str:
    if item.relay.password or item.password_file is None:
        return item.relay.password
    try:
        text = item.password_file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not text"
        do = "put the password of the relay into it"
        raise SettingsError(str(item.password_file), f"cannot be read ({said})", do) from None
    return text.strip("\r\n")


def make_source(app: "App") -> "FolderSource":
    """The folder of posts."""
    from publisher.sources import FolderSource, SourceRules, StabilityCheck, front_matter_defaults

    site, posts = app.settings.site, app.settings.posts
    rules = SourceRules(
        site_url=site.url,
        pages=posts.pages,
        timezone=posts.timezone,
        language=posts.language,
        author=site.author,
        profile=posts.profile,
        defaults=front_matter_defaults(posts.defaults),
        include=posts.include,
        exclude=posts.exclude,
        permalink=posts.permalink,
        link_fields=posts.link_fields,
        id_fields=posts.id_fields,
    )
    rest = StabilityCheck(app.rest.total_seconds(), time.time) if app.rest else None
    return FolderSource(posts.dir, rules, app.settings.folder, rest=rest, clock=wall_clock)


def stamp(app: "App") -> str:
    """Changes with the version, with any web template and with what is said in any language: documents made
    before are made again.
    """
    found = hashlib.sha256(__version__.encode())
    folders = [folder / name for folder in app.template_folders for name in ("web", "languages")]
    for file in (file for folder in folders for file in sorted(folder.glob("[!.]*"))):
        with suppress(OSError):  # an editor's own file, gone already; a template is read again
            found.update(file.name.encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:16]


def naming(app: "App") -> "Naming":
    """How ids of new posts are made. Raises SettingsError: the file of adopted ids is broken."""
    from publisher.core.publishing.adoption import Adopted
    from publisher.core.publishing.ids import Naming

    return Naming(
        authority=app.settings.site.id_authority,
        by_permalink=app.settings.posts.ids == "permalink",
        adopted=Adopted(adoptions(app).entries()),
    )


def adoptions(app: "App") -> "Adoptions":
    """The file of adopted ids, beside publisher.toml."""
    from publisher.stores.files.redirects import AdoptedFile

    return AdoptedFile(app.settings.folder / "adopted.json")


def moves(app: "App") -> "Moves":
    """The file of feeds that moved or ended, beside publisher.toml."""
    from publisher.stores.files.redirects import MovedFile

    return MovedFile(app.settings.folder / "moved.json")


def reader() -> "FeedReader":
    """What reads feeds of others."""
    from publisher.fetching.feed_reader import ForeignFeedReader

    return ForeignFeedReader()


def web() -> "Web":
    """What fetches documents and tells hubs."""
    from publisher.fetching import HttpClient

    return HttpClient()


PACKAGE = Path(__file__).parent.parent


def packaged(name: str) -> Path:
    """A folder that ships with Publisher: inside the package when installed, beside it in a checkout."""
    inside = PACKAGE / "_data" / name
    return inside if inside.is_dir() else PACKAGE.parent / _BESIDE.get(name, name)


_BESIDE = {"example": "examples/site"}
