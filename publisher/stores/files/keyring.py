"""The secret keys of a site, in a file that only its owner may read, one key a line: `number hex`.

    1 8f0c...    32 random bytes; the key with the highest number signs, all of them verify

`SiteSecret` is the keys of an opened site. A new site gets its first key when something needs it. A site that
has readers or has mailed anybody must have had one: if the file is missing, or is another site's, what needs
it stops until it is back.
"""

import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING

from publisher.core.errors import OutputError, PublisherError, SettingsError
from publisher.core.tokens import KeyRing, address_key, prove_site
from publisher.stores.files import flush_folder, output_error, private_folder, write_all

if TYPE_CHECKING:
    from publisher.ports import Journal, Store


_LINE = re.compile(r"(\d{1,3})\s+([0-9A-Fa-f]+)")
_MIN_BYTES = 16
MAX_NUMBER = 255

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


def load_keyring(path: Path, *, create: bool, random: Callable[[int], bytes]) -> KeyRing:
    """The keys in `path`. If the file is missing, `create` makes a first key of `random(32)`; two processes
    that do so at once get the same one. If other users can read our file, that permission is removed. Raises
    SettingsError (there are no valid keys; the text never shows them), OutputError (cannot be created or
    read).
    """
    if create and not path.exists():
        try:
            write_first_key(path, random(32))
        except OSError as error:
            raise output_error(path, error) from error
    try:
        found = path.stat()
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
            with suppress(OSError):  # a read-only mount has its own permissions
                path.chmod(stat.S_IMODE(found.st_mode) & 0o700)
        text = path.read_text("ascii")
    except FileNotFoundError:
        raise SettingsError(str(path), "the secret keys are missing", "restore them from a backup") from None
    except UnicodeDecodeError:
        raise SettingsError(str(path), "not a key file", "restore it from a backup") from None
    except OSError as error:
        raise OutputError(str(path), f"cannot be read ({error.strerror})") from error
    return parse_keys(path, text)


def add_key(path: Path, random: Callable[[int], bytes]) -> KeyRing:
    """Adds a key of `random(32)` that signs from now on, the first one if there is no file; what is in the
    file stays. Raises SettingsError (the file is broken, or the numbers are used up), OutputError.
    """
    if not path.exists():
        return load_keyring(path, create=True, random=random)
    number = load_keyring(path, create=False, random=random).current + 1
    text = path.read_text("ascii")
    if number > MAX_NUMBER:
        what = f"there is no key number above {MAX_NUMBER}"
        raise SettingsError(str(path), what, "remove old keys, but not the first")
    draft = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.part")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            line_end = "" if text.endswith("\n") else "\n"
            write_all(handle, f"{text}{line_end}{number} {random(32).hex()}\n".encode("ascii"))
        finally:
            os.close(handle)
        draft.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        draft.unlink(missing_ok=True)
    return load_keyring(path, create=False, random=random)


def file_stamp(path: Path) -> tuple[int, int, int] | None:
    """Changes when the file does; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def write_first_key(path: Path, key: bytes) -> None:
    """Writes the key under another name, then links it: no reader sees half a key, or another key later."""
    private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.part")
    draft.unlink(missing_ok=True)
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            write_all(handle, f"1 {key.hex()}\n".encode("ascii"))
        finally:
            os.close(handle)
        with suppress(FileExistsError):  # somebody else was first: their key counts
            os.link(draft, path)
        flush_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def parse_keys(path: Path, text: str) -> KeyRing:
    """The keys in the text of the file `path`. Raises SettingsError, whose text never shows a key."""
    keys: dict[int, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        where, found = f"{path}:{number}", _LINE.fullmatch(line.strip())
        if not found or len(found[2]) % 2:
            raise SettingsError(where, "not a key", "a key is its number, a space and hex digits")
        name, key = int(found[1]), bytes.fromhex(found[2])
        if not 1 <= name <= MAX_NUMBER or name in keys:
            raise SettingsError(where, f"key number {name} is taken or not from 1 to 255")
        if len(key) < _MIN_BYTES:
            raise SettingsError(
                where, f"the key has {len(key)} bytes, fewer than {_MIN_BYTES}", "make it longer"
            )
        keys[name] = key
    if not keys:
        raise SettingsError(str(path), "there are no keys in the file", "restore it from a backup")
    return KeyRing(current=max(keys), keys=keys)


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
