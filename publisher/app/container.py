"""Makes the adapters of a site from its settings. Only this module picks them, and only it reads the clock.

Each function imports what it makes when it is called.
"""

import hashlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from publisher import __version__
from publisher.core.errors import SettingsError

if TYPE_CHECKING:
    from publisher.config.sections.mail import DkimSettings, MailSettings
    from publisher.config.settings import Settings
    from publisher.core.addresses import Blocklist
    from publisher.core.delivery.relays import Relay
    from publisher.core.delivery.throttling import ThrottlingRules
    from publisher.core.publishing.log import IdRules
    from publisher.ports import (
        AdoptedIdsFile,
        Clock,
        Failpoint,
        FeedReader,
        FeedRedirectsFile,
        Signer,
        StaticFolder,
        WebClient,
    )
    from publisher.sources import FolderSource


PACKAGE = Path(__file__).parent.parent


def wall_clock() -> datetime:
    """The machine's time, aware and in UTC. Nothing else reads it."""
    return datetime.now(UTC)


def fixed(at: datetime) -> "Clock":
    """A clock that always shows `at`, for `--at`."""
    return lambda: at


def failpoint(environ: Mapping[str, str]) -> "Failpoint":
    """What to call at named steps, at which a test can kill this process as a power cut would.
    PUBLISHER_FAILPOINT="deliver:intended" kills at the first pass, "deliver:intended:3" at the third; without
    it, nothing happens.
    """
    armed = environ.get("PUBLISHER_FAILPOINT", "")
    if not armed:
        return lambda _: None
    name, _, times = armed.rpartition(":")
    if not times.isdigit():
        name, times = armed, "1"
    left = int(times)

    def reach(step: str) -> None:
        nonlocal left
        if step == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return reach


def packaged(name: str) -> Path:
    """A folder that ships with Publisher (templates, default settings, the example site): inside an installed
    package, beside it in a checkout.
    """
    inside = PACKAGE / "_data" / name
    beside = {"example": "examples/site"}.get(name, name)
    return inside if inside.is_dir() else PACKAGE.parent / beside


def make_blocklist(settings: "Settings") -> "Blocklist":
    """Addresses that nobody may sign up: those that settings name, and the site's own, which would mail
    themselves.
    """
    from publisher.core.addresses import Blocklist, parse_address, parse_mailbox

    own = [text for spec in settings.lists for text in (spec.sender, spec.reply_to) if text]
    own += [settings.mail.bounces.address] if settings.mail.bounces.address else []
    named = settings.web.blocked
    return Blocklist(
        mailboxes=frozenset(parse_mailbox(text).address.mailbox for text in own)
        | {parse_address(text).mailbox for text in named if "@" in text},
        domains=frozenset(text for text in named if "@" not in text),
    )


def make_signer(dkim: "DkimSettings") -> "Signer | None":
    """A signer with the site's keys; None if it has none. Raises SettingsError if a file is not a key."""
    if not dkim.keys:
        return None
    from publisher.transports.dkim import DkimSigner, load_key

    return DkimSigner([load_key(selector, file) for selector, file in dkim.keys], dkim.domain)


def make_throttling(mail: "MailSettings") -> "ThrottlingRules":
    """How fast mail may be sent, and when it may not."""
    from publisher.core.delivery.relays import quota_of
    from publisher.core.delivery.throttling import ThrottlingRules, combined_limits

    relays = [item.relay() for item in mail.relays_in_use]
    total, groups = combined_limits(relays)
    return ThrottlingRules(
        total=total,
        groups=groups,
        quiet=mail.quiet_hours,
        warm_up=mail.warm_up,
        canary=mail.canary,
        quotas=tuple(quota for relay in relays if (quota := quota_of(relay)) is not None),
    )


def make_relays(mail: "MailSettings", *, sends: bool = True) -> "list[Relay]":
    """The relays of a site, with passwords if it `sends`. Raises SettingsError if one cannot be read."""
    found: list[Relay] = []
    for item in mail.relays_in_use:
        password = ""
        if sends and not item.password and item.password_file is not None:
            password = read_password(item.password_file, "the relay")
        found.append(item.relay(password))
    return found


def read_password(file: Path, of: str) -> str:
    """The password in a file. Raises SettingsError."""
    try:
        return file.read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(
            str(file), f"cannot be read ({why})", f"put the password of {of} into it"
        ) from None


def make_source(settings: "Settings", rest: timedelta = timedelta()) -> "FolderSource":
    """The folder of posts; files written to less than `rest` ago are left for later."""
    from publisher.config.declaration import fill
    from publisher.core.subscribers.legacy_links import first_names
    from publisher.sources import FolderSource, SourceRules, StabilityCheck, front_matter_defaults

    site, posts = settings.site, settings.posts
    defaults = front_matter_defaults(posts.defaults)
    at_root = posts.pages and posts.permalink is not None
    rules = fill(
        SourceRules,
        posts,
        site_url=site.url,
        author=site.author,
        defaults=defaults,
        pages_at_root=at_root,
        reserved_names=first_names(settings.web.legacy_unsubscribe) if at_root else (),
        own_documents=_own_documents(settings) if at_root else "",
        markdown_choices=posts.markdown.choices,
    )
    stability = StabilityCheck(rest.total_seconds(), time.time) if rest else None
    return FolderSource(posts.dir, rules, settings.folder, rest=stability, clock=wall_clock)


def _own_documents(settings: "Settings") -> str:
    """A regular expression of the paths under public/ that feeds and their pages have or may get."""
    from publisher.core.feeds.feed import PART_PLACEHOLDER
    from publisher.core.posts.page_paths import document_pattern
    from publisher.formats import FORMATS

    paths: list[str] = []
    for spec in settings.feeds:
        usual = f"{spec.slug}/{PART_PLACEHOLDER}" if spec.split_by else spec.slug
        paths += [f"{usual}.html", *([f"{spec.slug}/index.html"] if spec.split_by else [])]
        paths += [spec.paths.get(name, f"{usual}.{FORMATS[name].suffix}") for name in spec.formats]
    return document_pattern(paths, PART_PLACEHOLDER)


def make_static_folder(settings: "Settings") -> "StaticFolder | None":
    """The folder of files that are copied as they are, if the site has one."""
    if settings.static is None:
        return None
    from publisher.stores.files.public_folder import DiskStaticFolder

    root, folder = settings.folder, settings.static
    name = str(folder.relative_to(root) if folder.is_relative_to(root) else folder)
    return DiskStaticFolder(folder, name, (root, root / "public", root / ".publisher", root / "outbox"))


def template_fingerprint(template_folders: Sequence[Path]) -> str:
    """Changes with the version, any web template and any translation. Documents made with another one are
    made again.
    """
    found = hashlib.sha256(__version__.encode())
    folders = [folder / name for folder in template_folders for name in ("web", "languages")]
    for file in (file for folder in folders for file in sorted(folder.glob("[!.]*"))):
        with suppress(OSError):  # an editor's own file, gone already; a template is read again
            found.update(file.name.encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:16]


def make_id_rules(settings: "Settings") -> "IdRules":
    """How new posts get their ids. Raises SettingsError if the file of adopted ids is broken."""
    from publisher.core.publishing.adoption import AdoptedEntries
    from publisher.core.publishing.log import IdRules

    return IdRules(
        authority=settings.site.id_authority,
        by_permalink=settings.posts.ids == "permalink",
        adopted=AdoptedEntries(adopted_ids_file(settings).entries()),
    )


def adopted_ids_file(settings: "Settings") -> "AdoptedIdsFile":
    """The file of adopted ids, beside publisher.toml."""
    from publisher.stores.files.redirects import AdoptedFile

    return AdoptedFile(settings.folder / "adopted.json")


def feed_redirects_file(settings: "Settings") -> "FeedRedirectsFile":
    """The file of feeds that moved or ended, beside publisher.toml."""
    from publisher.stores.files.redirects import MovedFile

    return MovedFile(settings.folder / "moved.json")


def feed_reader() -> "FeedReader":
    """Reads other sites' feeds."""
    from publisher.fetching.feed_reader import ForeignFeedReader

    return ForeignFeedReader()


def http_client() -> "WebClient":
    """Fetches documents and notifies hubs."""
    from publisher.fetching import HttpClient

    return HttpClient()
