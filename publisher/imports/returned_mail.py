"""Reads returned mail from a pipe, a Maildir or an IMAP mailbox, and recognizes the formats of old mail
servers.

A Maildir (https://cr.yp.to/proto/maildir.html) holds complete messages in new/, and in cur/ those that some
program has seen. A message that was understood is removed once its effect is in the store. Others stay in
cur/.
"""

import email
import imaplib
import logging
import os
import ssl
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from publisher.core.delivery.bounces import ReportKind
from publisher.core.delivery.relays import ImapAccount
from publisher.core.errors import SourceError

MAX_READ = 1024 * 1024
"""Bytes of a message that are read. No report is that long; a message that it returns may be."""

IMAP_TIMEOUT = 60.0
"""Seconds that an IMAP server may take to answer."""

MAX_JUDGED = 64 * 1024
"""Bytes of an old server's message that are judged."""

Returned = tuple[bytes, Callable[[bool], None]]
"""A message, and what to call when it is dealt with: with True to remove it, with False to leave it there."""


def read_pipe(stream: BinaryIO) -> bytes:
    """The message on `stream`, or its beginning; reads to the end, as a mail server expects of a pipe."""
    message = stream.read(MAX_READ)
    while stream.read(MAX_READ):
        pass
    return message


def maildir_messages(folder: Path, *, seen: bool = False) -> Generator[Returned, None, None]:
    """The messages of a Maildir, the oldest first; with `seen`, those in cur/ too. Raises SourceError if it
    is none, or if a message cannot be read or removed.
    """
    if not (folder / "new").is_dir() or not (folder / "cur").is_dir():
        raise SourceError(str(folder), "not a Maildir: it has no folders new and cur")
    paths: list[Path] = []  # all of them first: what stays is moved to cur/
    for name in ("new", "cur") if seen else ("new",):
        try:
            found = sorted(entry.name for entry in os.scandir(folder / name) if entry.name[0] != ".")
        except OSError as error:
            raise SourceError(str(folder / name), f"cannot be read: {error.strerror}") from None
        paths += [folder / name / file for file in found]
    for path in paths:
        message = _read_file(path)
        if message is not None:
            yield message, partial(_finish, path)


def _read_file(path: Path) -> bytes | None:
    """The message in a file; None if it has gone meanwhile, or is no regular file."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(number, "rb") as file:
            return file.read(MAX_READ) if stat.S_ISREG(os.fstat(number).st_mode) else None
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.is_symlink():
            return None
        raise SourceError(str(path), f"cannot be read: {error.strerror}") from None


def _finish(path: Path, remove: bool) -> None:  # called as Returned says
    try:
        if remove:
            path.unlink()
        elif path.parent.name == "new":
            path.rename(path.parent.parent / "cur" / f"{path.name.partition(':')[0]}:2,")
    except FileNotFoundError:
        return  # another program was faster
    except OSError as error:
        raise SourceError(str(path), f"was read and cannot be removed: {error.strerror}") from None


def imap_messages(account: ImapAccount, password: str) -> Generator[Returned, None, None]:
    """The messages of an IMAP mailbox that nobody has seen, the oldest first. Those that are not removed are
    marked as seen. Raises SourceError if the server cannot be reached, its certificate is not trusted, or it
    refuses something.
    """
    from imap_tools import AND, MailBox  # loaded by sites that read one

    with _imap_errors(account):
        box = MailBox(account.host, account.port, IMAP_TIMEOUT, ssl_context=ssl.create_default_context())
        login = box.login if (account.username + password).isascii() else box.login_utf8
        with login(account.username, password, account.folder):
            for uid in box.uids(AND(seen=False)):
                data = _command(box.client, "FETCH", uid, f"(BODY.PEEK[]<0.{MAX_READ}>)")
                for item in data:
                    if isinstance(item, tuple):  # (what follows, the message); the rest closes brackets
                        yield item[1], partial(_finish_on_server, account, box.client, uid)


def _finish_on_server(account: ImapAccount, client: imaplib.IMAP4, uid: str, remove: bool) -> None:
    with _imap_errors(account):
        _command(client, "STORE", uid, "+FLAGS.SILENT", r"(\Deleted)" if remove else r"(\Seen)")
        if remove and b"UIDPLUS" in b" ".join(client.capability()[1]).upper().split():
            _command(client, "EXPUNGE", uid)  # this one alone, whatever else is marked (RFC 4315)
        elif remove:
            client.expunge()


def _command(client: imaplib.IMAP4, name: str, uid: str, *words: str) -> "list[tuple[bytes, bytes] | bytes]":
    """Carries out a command on one message. Raises ValueError if the server refuses it."""
    state, data = client.uid(name, uid, *words)
    if state != "OK":
        raise ValueError(f"{name}: {data}")
    return data


@contextmanager
def _imap_errors(account: ImapAccount) -> Generator[None, None, None]:
    """What the library, the standard one below it and the network raise, as SourceError."""
    from imap_tools.errors import ImapToolsError, MailboxFolderSelectError, MailboxLoginError

    try:
        yield
    except MailboxLoginError:
        do = "check the user name in mail.bounces.source and what is in password_file"
        raise SourceError(str(account), "the server refuses the login", do) from None
    except MailboxFolderSelectError:
        raise SourceError(str(account), "there is no such mailbox", "check mail.bounces.source") from None
    except (ImapToolsError, imaplib.IMAP4.error, OSError, ValueError) as error:
        why = " ".join(str(error).split())[:200]
        raise SourceError(str(account), f"cannot be read: {why}") from None


def legacy_verdict(raw: bytes) -> ReportKind:
    """What a message of a mail server is that writes no report, as flufl.bounce knows them."""
    from flufl.bounce import all_failures  # pyright: ignore[reportUnknownVariableType]  # loaded when needed

    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it logs what a stranger wrote
    try:
        temporary, permanent = all_failures(email.message_from_bytes(raw[:MAX_JUDGED]))
    except Exception:
        # Its detectors and the standard parser may raise anything for a message that nobody foresaw, such as
        # RecursionError for one that is nested deeply.
        return ReportKind.OTHER
    if permanent:
        return ReportKind.BOUNCE
    return ReportKind.DELAY if temporary else ReportKind.OTHER
