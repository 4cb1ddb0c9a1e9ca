"""One site, opened: its settings, its folders, its store and keys, and everything the services need."""

import os
import secrets
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from publisher.app.container import (
    adoptions_file,
    feed_reader,
    http_client,
    make_blocklist,
    make_naming,
    make_relays,
    make_signer,
    make_source,
    make_throttling,
    packaged,
    redirects_file,
    template_fingerprint,
    wall_clock,
)
from publisher.config import Settings
from publisher.failpoints import failpoint

if TYPE_CHECKING:
    from publisher.core.tokens import KeyRing
    from publisher.ports import Clock, Signer, Store
    from publisher.services.deps import Deps
    from publisher.sources import FolderSource


SCHEDULE = "schedule"
"""The lock that `run` holds while it publishes and sends; one that only serves does not."""


class OpenSite:
    """A site and what it is made of; each part is opened when something asks for it. `clock` is the time that
    its commands go by, `real` the machine's. `say` is called with a sentence when something must be waited
    for. Posts written to less than `rest` ago, or still open for writing, are left for later; zero: they are
    read as they are. `first`: the site's first publish is under way.
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
    ) -> None:
        self.settings, self.clock, self.say, self.rest = settings, clock, say, rest
        self.real = real
        self.wake: Callable[[], None] = lambda: None
        self.first = False
        self.reach = failpoint(environ)

    @property
    def state(self) -> Path:
        """The folder of the store, the journal, keys and locks."""
        return self.settings.folder / ".publisher"

    @property
    def public(self) -> Path:
        """The folder of the documents."""
        return self.settings.folder / "public"

    @property
    def outbox(self) -> Path:
        """Where the outbox transport writes."""
        return self.settings.folder / "outbox"

    @property
    def template_folders(self) -> tuple[Path, ...]:
        """Where templates are looked for: the site's own first."""
        return (self.settings.folder / "templates", packaged("templates"))

    @cached_property
    def store(self) -> "Store":
        """The open store; a new site's is made here. Raises StoreError."""
        from publisher.stores import open_store

        return open_store(self.settings.store.url, create=True, first=self.first)

    @cached_property
    def signer(self) -> "Signer | None":
        """Signs mail, if the site has keys. Raises SettingsError."""
        return make_signer(self.settings.mail.dkim)

    @cached_property
    def ring(self) -> "KeyRing":
        """The secret keys; a new site's first key is made here. Raises OutputError."""
        from publisher.stores.files.keyring import load_keyring

        return load_keyring(self.settings.secret_file, create=True, random=secrets.token_bytes)

    @cached_property
    def source(self) -> "FolderSource":
        """The folder of posts."""
        return make_source(self.settings, self.rest)

    @cached_property
    def deps(self) -> "Deps":
        """Everything the services need, for this site."""
        return self.make_deps()

    def make_deps(self, *, sends: bool = True) -> "Deps":
        """Everything the services need. Without `sends` no password is read. Raises SettingsError."""
        from publisher.formats import FORMATS, opml
        from publisher.markup import SafeMarkup
        from publisher.rendering import JinjaRenderer
        from publisher.services.deps import Adapters, Deps, Process, SiteRules
        from publisher.stores.files.journal import FileJournal
        from publisher.stores.files.public_folder import PublicDirectory
        from publisher.transports import TRANSPORTS

        settings, run_id, throttling = (
            self.settings,
            secrets.token_hex(8),
            make_throttling(self.settings.mail),
        )
        make_transport = TRANSPORTS[settings.mail.transport]
        quotas = None
        if throttling.quotas:
            from publisher.services.delivery.throttling import StoredRelayQuotas

            quotas = StoredRelayQuotas(lambda: self.store, run_id, self.clock)
        rules = SiteRules(
            site=settings.site,
            feeds=settings.feeds,
            lists=settings.lists,
            id_rules=make_naming(settings),
            hubs=settings.websub.hubs,
            max_age=settings.posts.max_age,
            post_pages=settings.posts.pages,
            batch_size=settings.queue.batch,
            bounce_address=settings.mail.bounces.address,
            bounce_limits=settings.mail.bounces.limits,
            blocklist=make_blocklist(settings),
            throttling=throttling,
            checked_public_url=settings.site.public_url if settings.mail.transport.leaves_machine else "",
        )
        adapters = Adapters(
            store=self.store,
            journal=FileJournal(self.state / "journal"),
            public_folder=PublicDirectory(self.public, self.reach),
            source=lambda: self.source,
            markup=SafeMarkup(settings.site.url),
            formats=FORMATS,
            write_opml=opml,
            renderer=JinjaRenderer(self.template_folders),
            transport=make_transport(self.outbox, make_relays(settings.mail, sends=sends), quotas),
            signer=lambda: self.signer,
            adopted_ids=adoptions_file(settings),
            feed_redirects=redirects_file(settings),
            feed_reader=feed_reader,
            http_client=http_client,
        )
        process = Process(
            clock=self.clock,
            monotonic=time.monotonic,
            nonce=lambda: secrets.token_hex(12),
            keyring=lambda: self.ring,
            run_id=run_id,
            template_fingerprint=template_fingerprint(self.template_folders),
            failpoint=self.reach,
            run_is_active=self.run_is_active,
        )
        return Deps(rules=rules, adapters=adapters, process=process)

    def run_is_active(self) -> bool:
        """Whether a `publisher run` that publishes and sends works on this site, on whichever machine."""
        from publisher.stores.files.locks import is_locked

        return is_locked(self.state / f"{SCHEDULE}.lock")

    def rekey(self) -> int:
        """Gives addresses the keys that this version makes of them; returns how many changed."""
        from publisher.core.tokens import address_key

        return self.store.rebuild_address_keys(lambda address: address_key(address, self.ring))

    @contextmanager
    def lock(self, name: str, *, wait: bool = True) -> Generator[None, None, None]:
        """Holds `<name>.lock` of this site. Without `wait`, raises Refused when another holds it."""
        from publisher.stores.files.locks import lock

        with lock(
            self.state / f"{name}.lock",
            wait=wait,
            on_wait=lambda: self.say(f"another {name} is under way on this site; waiting for it"),
        ):
            yield

    def close(self) -> None:
        """Closes the store, if it was opened."""
        if "store" in self.__dict__:
            self.store.close()
            self.__dict__.pop("store")
            self.__dict__.pop("deps", None)
