"""Who may use the admin pages: the tokens of web.admin_token_file, the sessions of browsers that logged in
with one, the tokens of their forms, and how often a wrong one may be tried.

    a browser's cookie -> its digest -> the session -> its token, which must still be in the file

All of it is in memory: a restart logs everybody out. The id in a cookie is never stored, nor is a token.
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

from publisher.app.secret_files import read_admin_tokens, token_digest
from publisher.web.rate_limits import LeakyBucket, Rate, networks

IDLE, LONGEST = timedelta(hours=2), timedelta(hours=12)
"""A session ends after so long without a request, and after so long in any case."""

MAX_SESSIONS = 200
"""The one not used for the longest ends first."""

FAILED_LOGINS = Rate(burst=5, every=timedelta(minutes=1))
"""Wrong tokens from one network."""

NETWORKS = 10_000
"""Networks whose wrong tokens are remembered."""


@dataclass(slots=True, kw_only=True)
class AdminSession:
    """One browser that logged in. `notice` is shown by the next page: (text, whether it is a problem)."""

    name: str
    token: str
    began: datetime
    used: datetime
    notice: tuple[str, bool] | None = None


class AdminSessions:
    """The sessions of one listener. Safe to use from several threads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._secret = secrets.token_bytes(32)
        self._sessions: OrderedDict[str, AdminSession] = OrderedDict()
        self._failed: OrderedDict[str, LeakyBucket] = OrderedDict()
        self._lock = Lock()

    def form_token(self, id: str) -> str:
        """What each form holds that a browser with this cookie may send."""
        return hmac.new(self._secret, id.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def is_form_token(self, id: str, given: str) -> bool:
        """Whether a form came from a page that this cookie's browser was shown."""
        expected = self.form_token(id).encode()
        return bool(id) and hmac.compare_digest(expected, given.encode("utf-8", "replace"))

    def find(self, id: str, now: datetime) -> AdminSession | None:
        """The session of a cookie; None if there is none, it has ended, or its token was removed. Raises
        SettingsError: the tokens cannot be read.
        """
        with self._lock:
            session = self._sessions.get(token_digest(id))
            if session is None:
                return None
            ended = now - session.used > IDLE or now - session.began > LONGEST
            if ended or session.token not in read_admin_tokens(self._file):
                del self._sessions[token_digest(id)]
                return None
            session.used = now
            self._sessions.move_to_end(token_digest(id))
            return session

    def log_in(self, token: str, now: datetime) -> tuple[str, AdminSession] | None:
        """A new session and its id, which no browser has chosen; None for a wrong token. Raises
        SettingsError.
        """
        given, name, match = token_digest(token), "", ""
        for known, its_name in read_admin_tokens(self._file).items():
            if hmac.compare_digest(known, given):  # each is compared, and for as long
                name, match = its_name, known
        if not match:
            return None
        id, session = secrets.token_urlsafe(32), AdminSession(name=name, token=match, began=now, used=now)
        with self._lock:
            self._sessions[token_digest(id)] = session
            if len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return id, session

    def log_out(self, id: str) -> None:
        """Ends a session."""
        with self._lock:
            self._sessions.pop(token_digest(id), None)

    def begin_try(self, address: str, now: datetime) -> bool:
        """Counts an attempt of a client before its token is looked at, so that many at once count too; False
        if it has had too many.
        """
        with self._lock:
            buckets = [(self._bucket(name), share) for name, share in networks(address)]
            rooms = [bucket.has_room(FAILED_LOGINS, share, now) for bucket, share in buckets]  # each leaks
            fits = all(rooms)
            for bucket, _ in buckets if fits else ():
                bucket.level += 1
            return fits

    def end_try(self, address: str) -> None:
        """Uncounts an attempt that had the right token."""
        with self._lock:
            for name, _ in networks(address):
                self._bucket(name).level = max(0.0, self._bucket(name).level - 1)

    def _bucket(self, name: str) -> LeakyBucket:
        bucket = self._failed.setdefault(name, LeakyBucket())
        self._failed.move_to_end(name)
        if len(self._failed) > NETWORKS:
            self._failed.popitem(last=False)
        return bucket
