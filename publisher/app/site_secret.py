"""The secret of an opened site: read again when its file changes, and never made twice.

A new site gets its secret when something first needs it. A site that has readers or has mailed anybody must
have had one: if the file is missing, or is another site's, what needs it stops until it is back.
"""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from publisher.core.errors import PublisherError, SettingsError
from publisher.core.tokens import KeyRing, address_key, prove_site
from publisher.stores.files.keyring import add_key, file_stamp, load_keyring

if TYPE_CHECKING:
    from publisher.ports import Journal, Store

PROOF = "secret"
"""The key in the store of what the site's oldest key answers to no challenge: it names the key, and does not
tell it."""

CHECK_SECONDS = 0.25
"""How often the file is looked at: each message needs the keys several times."""

RESTORE = (
    "restore it from a backup, or if it is lost for good, make a new one with `publisher keys secret --new`"
)

_WITHOUT_SECRET = frozenset({"withdrawn", "restored"})
"""Entries of the journal that a site without readers has, too."""


class SiteSecret:
    """The keys of one site. A process that has them goes on with them while their file is missing or broken;
    `problem` then says so.
    """

    def __init__(self, file: Path, store: "Callable[[], Store]", journal: "Journal") -> None:
        self.file, self._store, self._journal = file, store, journal
        self._ring: KeyRing | None = None
        self._stamp: tuple[int, int, int] | None = None
        self._checked_at = 0.0
        self.problem = ""

    def ring(self) -> KeyRing:
        """The keys as the file has them now. Raises SettingsError, OutputError, StoreError if this process
        has none yet.
        """
        now = time.monotonic()
        if self._ring is None:
            self._ring, self._stamp = self._load(), file_stamp(self.file)
            self._checked_at = now
        elif now - self._checked_at > CHECK_SECONDS:  # each message asks: not each time
            self._checked_at = now
            if (stamp := file_stamp(self.file)) != self._stamp:
                try:
                    self._ring, self._stamp, self.problem = self._load(), stamp, ""
                except PublisherError as error:
                    self.problem = str(error)
        return self._ring

    def add(self) -> tuple[KeyRing, bool]:
        """Adds a key that signs from now on; the others still verify. Returns the keys, and whether those of
        the links and addresses so far are lost: then the addresses got new ones. One process at a time may
        call it. Raises OutputError, SettingsError, StoreError.
        """
        ring = add_key(self.file, secrets.token_bytes)
        lost = self.is_lost(ring)
        if lost:
            self._store().rebuild_address_keys(lambda address: address_key(address, ring), every=True)
        self._store().set_meta(PROOF, prove_site("", ring))
        return ring, lost

    def lost(self) -> bool:
        """Whether the keys of the links and addresses so far are gone: the file is missing or another one."""
        if file_stamp(self.file) is None:
            return self.is_lost(None)
        return self.is_lost(load_keyring(self.file, create=False, random=secrets.token_bytes))

    def is_lost(self, ring: KeyRing | None) -> bool:
        """Whether the oldest of these keys (None: there are none) is not the one that links and addresses
        were made with.
        """
        known = self._store().meta(PROOF)
        if ring is None or not known:
            return ring is None and self._had_secret()
        return known != prove_site("", ring)

    def check(self) -> PublisherError | None:
        """What is wrong with the file, and what to do; None if it is right, or if a new site has none yet."""
        try:
            if file_stamp(self.file) is not None or self._had_secret():
                self._load()
        except PublisherError as error:
            return error
        return None

    def _load(self) -> KeyRing:
        if file_stamp(self.file) is None and self._had_secret():
            what = "the secret is missing, and links in mails and the keys of addresses depend on it"
            raise SettingsError(str(self.file), what, RESTORE)
        ring = load_keyring(self.file, create=True, random=secrets.token_bytes)
        if self.is_lost(ring):
            what = "not the secret of this site: links in mails were made with another oldest key"
            raise SettingsError(str(self.file), what, RESTORE)
        if not self._store().meta(PROOF):
            with suppress(PublisherError):  # a store that may only be read
                self._store().set_meta(PROOF, prove_site("", ring))
        return ring

    def _had_secret(self) -> bool:
        """Whether this site has used a secret: it has, or had, readers."""
        store = self._store()
        if store.meta(PROOF) or store.last_subscription_id() or store.next_mailing_id() > 1:
            return True
        return any(event not in _WITHOUT_SECRET for event, _ in self._journal.since(0)[0])
