"""Signing the messages of a run: the first ones on the spot, many by a process.

A signature by RSA takes a fifth of a millisecond, and a body must be hashed for each reader: as long again as
all else that is done for a message. So another processor does it meanwhile, for messages whose turn is still
to come. What it made is read when more is asked of it, or when somebody waits.
"""

import asyncio
from collections import deque
from collections.abc import Generator, Mapping, Sequence

from publisher.core.mail.dkim import Signable
from publisher.core.mail.message import Place
from publisher.transports.dkim import DkimKey, fields
from publisher.transports.dkim_process import SigningProcess

FEW = 100
"""Messages signed on the spot before it is worth a process."""

AT_ONCE = 16
"""Messages that the process is asked for together."""

MOST_ASKED = 64
"""Messages that it has at once: it never runs dry, and its answers fit into the pipe."""


class Coming:
    """The fields for one message, which a process makes: `ports.Coming`."""

    __slots__ = ("_done", "_signer", "fields", "wanted")

    def __init__(self, signer: "DkimSigner", wanted: tuple[str, Signable, Mapping[Place, bytes]]) -> None:
        self._signer, self.wanted = signer, wanted
        self.fields: bytes | None = None
        self._done: asyncio.Future[None] | None = None

    def make(self, made: bytes | None, keys: Sequence[DkimKey]) -> None:
        """They are here; or nobody else makes them: then they are made now."""
        domain, signable, values = self.wanted
        self.fields = fields(keys, domain, signable.of(values)) if made is None else made
        if self._done is not None and not self._done.done():  # done: whoever asked was cancelled
            self._done.set_result(None)

    def __await__(self) -> Generator[object, None, bytes]:
        while self.fields is None:
            self._done = self._done or asyncio.get_running_loop().create_future()
            self._signer.hurry()
            yield from self._done
        return self.fields


class DkimSigner:
    """`ports.Signer`: signs with every key. `domain` is whose keys they are; None: each From domain's."""

    def __init__(self, keys: Sequence[DkimKey], domain: str | None) -> None:
        if not keys:
            raise ValueError("no key")
        self._keys, self._domain = tuple(keys), domain
        self._few = FEW
        self._process: SigningProcess | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: deque[Coming] = deque()
        self._asked: deque[Coming] = deque()
        self._reading = False

    def signs(self, domain: str) -> bool:
        """Whether mail from this domain is signed."""
        return self._domain is None or self._domain == domain

    def sign(self, domain: str, signable: Signable, values: Mapping[Place, bytes]) -> bytes | Coming:
        """The DKIM-Signature fields to put before a message, one for each key: at once, or soon."""
        if self._few:
            self._few -= 1
        elif self._is_there():
            coming = Coming(self, (domain, signable, values))
            self._queue.append(coming)
            if len(self._queue) >= AT_ONCE:
                self._ask()
            return coming
        return fields(self._keys, domain, signable.of(values))

    def hurry(self) -> None:
        """Somebody waits: what was asked for is read as soon as it is there, what was not is asked for."""
        self._ask(all_of_it=True)
        if self._process is not None and self._loop is not None and self._asked and not self._reading:
            self._reading = True
            self._loop.add_reader(self._process.fileno(), self._read)

    def _is_there(self) -> bool:
        """Whether the process signs for this run. It is started by the first who asks, and soon ready."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what another run left unanswered is nobody's any more
            if self._asked or self._queue:
                self._end()
            self._loop, self._reading = loop, False
        if self._process is None:
            try:
                self._process = SigningProcess([(key.selector, key.pem) for key in self._keys])
            except OSError:
                self._few = FEW
                return False
        if self._process.ready:
            return True
        self._read()
        return self._ready

    @property
    def _ready(self) -> bool:
        return self._process is not None and self._process.ready

    def _ask(self, *, all_of_it: bool = False) -> None:
        if self._asked:
            self._read()
        self._give(1 if all_of_it else AT_ONCE)

    def _give(self, enough: int) -> None:
        while self._process and len(self._queue) >= enough and len(self._asked) < MOST_ASKED:
            part = [self._queue.popleft() for _ in range(min(AT_ONCE, len(self._queue)))]
            self._asked.extend(part)
            try:
                self._process.ask([coming.wanted for coming in part])
            except OSError:
                self._alone()

    def _read(self) -> None:
        """What is there. Where somebody waits, the loop calls this."""
        if self._process is None:
            return
        try:
            made = self._process.answers()
        except OSError:
            self._alone()
            return
        for each in made:
            self._asked.popleft().make(each, self._keys)
        if self._reading and self._queue:
            self._give(1)
        if self._reading and not self._asked:
            self._still()

    def _still(self) -> None:
        if self._reading and self._process is not None and self._loop is not None:
            self._loop.remove_reader(self._process.fileno())
        self._reading = False

    def _alone(self) -> None:
        """Without the process, which is gone: what it owes is made here, and another is started later."""
        owed = [*self._asked, *self._queue]
        self._end()
        self._few = FEW
        for coming in owed:
            coming.make(None, self._keys)

    def _end(self) -> None:
        self._asked.clear()
        self._queue.clear()
        if self._loop is not None and not self._loop.is_closed():
            self._still()
        self._reading = False
        process, self._process = self._process, None
        if process is not None:
            process.close()
