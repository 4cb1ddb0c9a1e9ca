"""State in files: the journal, keys, locks and public/. Here are the durable writes that all of them share,
with errors in plain words.
"""

import errno
import os
from pathlib import Path

from publisher.core.errors import OutputError

_MESSAGES = {
    errno.EACCES: ("is not writable", "give this user permission to write there"),
    errno.EPERM: ("is not writable", "give this user permission to write there"),
    errno.EROFS: ("is on a read-only file system", "mount it for writing"),
    errno.ENOSPC: ("does not fit on the disk", "free some space and run again"),
    errno.EDQUOT: ("exceeds the disk quota", "free some space and run again"),
    errno.EFBIG: ("is larger than a file may be here", "raise the limit"),
    errno.ENAMETOOLONG: ("has a name too long for this disk", "shorten the slug or permalink"),
    errno.ENOENT: ("is missing", "create its folder"),
    errno.ENOTDIR: ("is below a file, not a folder", "move that file away"),
    errno.EEXIST: ("is below a file, not a folder", "move that file away"),
    errno.EISDIR: ("is a folder but should be a file", "move that folder away"),
    errno.ENOTEMPTY: ("is a folder but should be a file", "move that folder away"),
}


def output_error(path: Path, error: OSError) -> OutputError:
    """The error for a person: what is wrong with `path`, and what to do."""
    what, do = _MESSAGES.get(error.errno or 0, (f"cannot be written ({error.strerror or error})", ""))
    return OutputError(str(path), what, do)


def private_folder(folder: Path) -> None:
    """Makes a folder that only its owner may enter, and missing folders above it. Existing ones are not
    changed. Raises OSError.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in (*reversed(missing), folder):
        one.mkdir(mode=0o700, exist_ok=True)


def flush_folder(folder: Path) -> None:
    """Syncs a folder, so that a new or renamed file in it survives a crash."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_all(handle: int, data: bytes) -> None:
    """Writes all of `data` and syncs it to the disk."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
    os.fsync(handle)
