"""The secret keys of a site, in a file that only its owner may read, one key a line: `number hex`.

1 8f0c...    32 random bytes; the key with the highest number signs, all of them verify
"""

import contextlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from threading import get_ident

from publisher.core.errors import OutputError, SettingsError
from publisher.core.tokens import KeyRing
from publisher.stores.files import flush_folder, output_error, private_folder, write_all

_LINE = re.compile(r"(\d{1,3})\s+([0-9A-Fa-f]+)")
_MIN_BYTES = 16
MAX_NUMBER = 255


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
            with contextlib.suppress(OSError):  # a read-only mount has its own permissions
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
        what = f"there is no number above {MAX_NUMBER}"
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
        with contextlib.suppress(FileExistsError):  # somebody else was first: their key counts
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
