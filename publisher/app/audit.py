"""The audit log: who did what, when, and to whom. Each act of a person is recorded once it has ended, whether
it succeeded or not; what `publisher run` does by itself is not an act.
"""

import os
import pwd
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from publisher.core.errors import PublisherError
from publisher.core.site import AuditDoor, AuditEntry

if TYPE_CHECKING:
    from publisher.app.app import App

MAX_ABOUT = 200
"""Characters of what an act was about."""


class Act:
    """One act from its beginning: who is meant is looked up now, for an erasure leaves nobody to look up."""

    def __init__(self, app: "App", who: str, via: AuditDoor, act: str, about: str = "", address: str = ""):
        self._app, self._who, self._via, self._act = app, who, via, act
        self._about = about[:MAX_ABOUT]
        self._address = address
        self._subscriber = self._number()

    def _number(self) -> int | None:
        """The number of the subscriber with the address; None if there is none (yet)."""
        from publisher.services.subscribers.departures import key_of

        if not self._address:
            return None
        with suppress(PublisherError):
            return self._app.store.subscriber_number(key_of(self._app.ring, self._address))
        return None

    def ended(self, *, done: bool) -> None:
        """Records it. Raises StoreError."""
        subscriber = self._subscriber if self._subscriber is not None else self._number()
        self._app.store.record_act(
            AuditEntry(
                at=self._app.real(),
                who=self._who,
                via=self._via,
                act=self._act,
                about=self._about,
                subscriber=subscriber,
                done=done,
            )
        )


@contextmanager
def acting(
    app: "App", who: str, via: AuditDoor, act: str, about: str = "", address: str = ""
) -> Generator[None, None, None]:
    """Records what is done within, whatever comes of it."""
    began = Act(app, who, via, act, about, address)
    try:
        yield
    except BaseException:
        began.ended(done=False)
        raise
    began.ended(done=True)


def local_user(environ: Mapping[str, str] = os.environ) -> str:
    """Who runs this process: the user of this machine, and with sudo the one behind it."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may have no such user
        name = str(os.getuid())
    behind = environ.get("SUDO_USER", "")
    return f"{name} ({behind})" if behind and behind != name else name
