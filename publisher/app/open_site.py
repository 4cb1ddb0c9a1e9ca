"""One site, opened: its settings, its folders, its store and keys, and everything the services need.

Two context managers make a publish fast: worker processes read or list files ahead, and garbage collection is
paused.
"""

import gc
import os
import secrets
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Self

from publisher.app.container import (
    adopted_ids_file,
    failpoint,
    feed_reader,
    feed_redirects_file,
    http_client,
    make_blocklist,
    make_id_rules,
    make_relays,
    make_signer,
    make_source,
    make_static_folder,
    make_throttling,
    packaged,
    read_password,
    template_fingerprint,
    wall_clock,
)
from publisher.config import Settings

if TYPE_CHECKING:
    from publisher.core.delivery.relays import Relay
    from publisher.core.delivery.throttling import ThrottlingRules
    from publisher.core.tokens import KeyRing
    from publisher.ports import Clock, Progress, Signer, Store, Transport
    from publisher.rendering.renderer import OwnTemplates
    from publisher.services.deps import Adapters, Deps, SiteRules
    from publisher.sources import FolderSource
    from publisher.stores.files.keyring import SiteSecret
    from publisher.stores.files.locks import OpenedFiles


SCHEDULE = "schedule"
"""The lock that `run` holds while it publishes and sends; one that only serves does not."""


COMMON_TEMPLATES = ("web/layout.html", "web/styles.css", "web/feed.html", "web/index.html")
"""Templates that every site uses."""


MANY_FILES = 8_000_000
"""A store of so many bytes is that of a site with thousands of files: listing them is worth a process."""


class OpenSite:
    """A site and what it consists of; each part is opened on first use. Commands go by `clock`; `real` is the
    machine's. `say` receives a sentence for the user when something has to wait. Posts written to less than
    `rest` ago, or still open for writing, are left for later; with zero, files are read as they are. `first`
    is true during the site's first publish; `creates` says whether a missing store is made.
    `own_templates` is the folder of the site's own templates; None: that beside publisher.toml.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: "Clock" = wall_clock,
        real: "Clock" = wall_clock,
        environ: Mapping[str, str] = os.environ,
        say: Callable[[str], None] = lambda _: None,
        rest: timedelta = timedelta(),
        own_templates: Path | None = None,
    ) -> None:
        self.settings, self.clock, self.say, self.rest = settings, clock, say, rest
        self.progress: Progress = lambda _what, _done, _of: None
        self.own_templates = own_templates
        self.real = real
        self.monotonic = time.monotonic
        self.wake: Callable[[], None] = lambda: None
        self.first = False
        self.creates = True
        self.failpoint = failpoint(environ)

    @property
    def state(self) -> Path:
        """The folder with the store, the journal, keys and locks."""
        return self.settings.folder / ".publisher"

    @property
    def public(self) -> Path:
        """The folder of published documents."""
        return self.settings.folder / "public"

    @property
    def outbox(self) -> Path:
        """Where the outbox transport writes."""
        return self.settings.folder / "outbox"

    @property
    def template_folders(self) -> tuple[Path, ...]:
        """Where templates are searched: the site's own folder first."""
        own = self.own_templates or self.settings.folder / "templates"
        return (own, packaged("templates"))

    @property
    def site_templates(self) -> "OwnTemplates":
        """The site's own templates beside the packaged ones."""
        from publisher.rendering.renderer import OwnTemplates

        return OwnTemplates(*self.template_folders)

    @cached_property
    def store(self) -> "Store":
        """The open store, created for a new site. Raises StoreError."""
        from publisher.stores import file_of, open_store
        from publisher.stores.files import private_folder

        url = self.settings.store.url
        if self.creates and file_of(url) is None and self.settings.folder.is_dir():
            private_folder(self.state)  # an SQLite file makes its own
        return open_store(url, create=self.creates, first=self.first, password=self.store_password)

    @property
    def store_password(self) -> str:
        """The password of a database. Raises SettingsError."""
        store = self.settings.store
        if store.password or store.password_file is None:
            return store.password
        return read_password(store.password_file, "the database")

    @property
    def store_name(self) -> str:
        """What people are told of where the store is: its file, or its host and database."""
        from publisher.stores import name_of

        return name_of(self.settings.store.url)

    def store_size(self) -> int:
        """The size of the store in bytes, 0 if there is none yet. Raises StoreError: a database does not
        answer.
        """
        from publisher.stores import file_of, size_of

        url = self.settings.store.url
        if "store" in self.__dict__ and file_of(url) is None:
            return self.store.size()
        return size_of(url, self.store_password)

    @cached_property
    def opened(self) -> "OpenedFiles":
        """The store, the folders and the lock as they were when this was first asked for."""
        from publisher.stores import file_of
        from publisher.stores.files.locks import OpenedFiles

        store = file_of(self.settings.store.url)
        return OpenedFiles(
            {
                "the site's folder": self.settings.folder,
                "the state folder": self.state,
                **({} if store is None else {"the store": store}),
                "the lock": self.state / "run.lock",
            }
        )

    @cached_property
    def signer(self) -> "Signer | None":
        """The DKIM signer, if the site has keys. Raises SettingsError."""
        return make_signer(self.settings.mail.dkim)

    @cached_property
    def relays(self) -> "Sequence[Relay]":
        """The relays with their passwords, as they were when this was first asked for. Raises SettingsError:
        a password cannot be read.
        """
        return make_relays(self.settings.mail)

    @cached_property
    def secret(self) -> "SiteSecret":
        """What makes and loads the secret keys."""
        from publisher.stores.files.journal import FileJournal
        from publisher.stores.files.keyring import SiteSecret

        return SiteSecret(self.settings.secret_file, lambda: self.store, FileJournal(self.state / "journal"))

    @property
    def ring(self) -> "KeyRing":
        """The secret keys as their file has them now; the first is created for a new site. Raises
        SettingsError if a site that had them lacks them, OutputError, StoreError.
        """
        return self.secret.ring()

    @cached_property
    def source(self) -> "FolderSource":
        """The folder of posts."""
        return make_source(self.settings, self.rest)

    @cached_property
    def deps(self) -> "Deps":
        """What the services work with. Passwords are not read: what does not send must work without them."""
        return self.make_deps()

    @cached_property
    def sending_deps(self) -> "Deps":
        """`deps` with a transport that can log in. Raises SettingsError: a password cannot be read."""
        deps = self.deps
        transport = self._transport(deps.rules.throttling, deps.process.run_id, sends=True)
        return replace(deps, adapters=replace(deps.adapters, transport=transport))

    def make_deps(self) -> "Deps":
        """As `deps`, made anew. Raises SettingsError."""
        from publisher.services.deps import Deps, Process

        rules, run_id = self._site_rules(), secrets.token_hex(8)
        adapters = self._adapters(rules.throttling, run_id)
        process = Process(
            clock=self.clock,
            monotonic=self.monotonic,
            nonce=lambda: secrets.token_hex(12),
            keyring=lambda: self.ring,
            run_id=run_id,
            template_fingerprint=template_fingerprint(self.template_folders),
            failpoint=self.failpoint,
            run_is_active=self.run_is_active,
            progress=lambda what, done, of: self.progress(what, done, of),
        )
        return Deps(rules=rules, adapters=adapters, process=process)

    def _site_rules(self) -> "SiteRules":
        from publisher.services.deps import SiteRules

        settings = self.settings
        return SiteRules(
            site=settings.site,
            feeds=settings.feeds,
            lists=settings.lists,
            id_rules=make_id_rules(settings),
            hubs=settings.websub.hubs,
            max_age=settings.posts.max_age,
            max_new=settings.posts.max_new,
            post_pages=settings.posts.pages,
            batch_size=settings.queue.batch,
            bounce_address=settings.mail.bounces.address,
            unsubscribe_address=settings.mail.bounces.address if settings.mail.bounces.source else "",
            legacy_links=settings.web.legacy_unsubscribe,
            bounce_limits=settings.mail.bounces.limits,
            blocklist=make_blocklist(settings),
            throttling=make_throttling(settings.mail),
            dkim_selectors=tuple(selector for selector, _ in settings.mail.dkim.keys),
            checked_public_url=settings.site.public_url if settings.mail.transport.leaves_machine else "",
        )

    def _transport(self, throttling: "ThrottlingRules", run_id: str, *, sends: bool) -> "Transport":
        from publisher.transports import TRANSPORTS

        mail, quotas = self.settings.mail, None
        if throttling.quotas:
            from publisher.services.delivery.safeguards import StoredRelayQuotas

            quotas = StoredRelayQuotas(lambda: self.store, run_id, self.clock)
        relays = self.relays if sends else make_relays(mail, sends=False)
        return TRANSPORTS[mail.transport](self.outbox, relays, quotas)

    def _adapters(self, throttling: "ThrottlingRules", run_id: str) -> "Adapters":
        from publisher.formats import FORMATS, opml
        from publisher.markup import SafeMarkup
        from publisher.rendering import JinjaRenderer
        from publisher.services.deps import Adapters
        from publisher.stores.files.journal import FileJournal
        from publisher.stores.files.public_folder import PublicDirectory

        settings = self.settings
        return Adapters(
            store=self.store,
            journal=FileJournal(self.state / "journal"),
            public_folder=PublicDirectory(self.public, self.failpoint),
            source=lambda: self.source,
            static_folder=lambda: make_static_folder(settings),
            markup=SafeMarkup(settings.site.url),
            formats=FORMATS,
            write_opml=opml,
            renderer=JinjaRenderer(self.template_folders, settings.site, settings.lists),
            transport=self._transport(throttling, run_id, sends=False),
            signer=lambda: self.signer,
            adopted_ids=adopted_ids_file(settings),
            feed_redirects=feed_redirects_file(settings),
            feed_reader=feed_reader,
            http_client=http_client,
        )

    def run_is_active(self) -> bool:
        """Whether a `publisher run` publishes and sends this site, on any machine."""
        from publisher.stores.files.locks import is_locked

        return is_locked(self.state / f"{SCHEDULE}.lock")

    def rekey(self) -> int:
        """Recomputes the keys of all addresses as this version makes them; returns how many changed."""
        from publisher.core.tokens import address_key

        return self.store.rebuild_address_keys(lambda address: address_key(address, self.ring))

    @contextmanager
    def lock(self, name: str, *, wait: bool = True) -> Generator[None, None, None]:
        """Holds `<name>.lock` of this site. Without `wait`, raises Refused if another process holds it."""
        from publisher.stores.files.locks import lock

        with lock(
            self.state / f"{name}.lock",
            wait=wait,
            on_wait=lambda holder: self.say(
                f"another {name} is under way on this site; waiting for {holder}, at most 10 minutes"
            ),
            creates=self.creates,
        ):
            yield

    def with_settings(self, settings: Settings, own_templates: Path | None = None) -> Self:
        """The same site by other settings. It shares the open store, and reads everything else anew."""
        other = type(self)(
            settings,
            clock=self.clock,
            real=self.real,
            say=self.say,
            rest=self.rest,
            own_templates=own_templates,
        )
        other.wake, other.failpoint, other.creates = self.wake, self.failpoint, self.creates
        vars(other)["store"] = self.store
        return other

    def close(self) -> None:
        """Closes the store, if it was opened."""
        if "store" in self.__dict__:
            self.store.close()
            self.__dict__.pop("store")
            self.__dict__.pop("deps", None)
            self.__dict__.pop("sending_deps", None)


@contextmanager
def reading_ahead(site: "OpenSite") -> Generator[None, None, None]:
    """Reads ahead for a publish. If the site has no store yet, worker processes read its posts while this one
    loads what it needs and makes the store, in the way that is best for a first publish
    (`stores.open_store`). If it has many posts, a worker lists its files.
    """
    size = site.store_size()
    if size:
        with site.source.listed_ahead() if size > MANY_FILES else nullcontext():
            yield
        return
    from publisher import formats

    site.first = True
    try:
        with site.source.ahead():
            formats.feedgen()  # and lxml; else the first document loads them
            import_module("publisher.markup.pipeline")  # comrak and nh3
            site.deps.adapters.renderer.ready(*COMMON_TEMPLATES)  # Jinja
            yield
    except BaseException:
        site.close()  # the next publish opens the store anew, as usual
        raise
    finally:
        site.first = False


@contextmanager
def gc_paused() -> Generator[None, None, None]:
    """Pauses the search for reference cycles. The values of ten thousand posts have none, and traversing them
    again whenever there are some more takes a tenth of a publish. Afterwards they count as old, so that the
    next small collection does not traverse all of them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        if enabled:
            gc.enable()
