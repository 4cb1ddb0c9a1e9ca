"""Signing the messages of a run: the first ones on the spot, many by a process.

A signature by RSA takes a fifth of a millisecond, and a body must be hashed for each reader: as long again as
all else that is done for a message. So another processor does it meanwhile, for messages whose turn is still
to come. What it made is read when more is asked of it, or when somebody waits.
"""

import asyncio
from collections import deque
from collections.abc import Generator, Mapping, Sequence

from publisher.core.mail.dkim import CanonicalMessage
from publisher.core.mail.message import Placeholder
from publisher.transports.dkim import DkimKey, signature_fields
from publisher.transports.signing_process import SignatureRequest, SigningProcess

SIGNED_HERE = 100
"""Messages signed on the spot before it is worth a process."""

BATCH = 16
"""Messages that the process is asked for together."""

MOST_IN_FLIGHT = 64
"""Messages that it has at once: it never runs dry, and its answers fit into the pipe."""


class ProcessSignature:
    """The fields for one message, which a process makes; await them."""

    __slots__ = ("_done", "_signer", "fields", "request")

    def __init__(self, signer: "DkimSigner", request: SignatureRequest) -> None:
        self._signer, self.request = signer, request
        self.fields: bytes | None = None
        self._done: asyncio.Future[None] | None = None

    def resolve(self, made: bytes | None, keys: Sequence[DkimKey]) -> None:
        """The fields that the process made; None: it will not, so they are made here."""
        domain, signable, values = self.request
        self.fields = signature_fields(keys, domain, signable.signing_input(values)) if made is None else made
        if self._done is not None and not self._done.done():  # done: whoever asked was cancelled
            self._done.set_result(None)

    def __await__(self) -> Generator[object, None, bytes]:
        while self.fields is None:
            self._done = self._done or asyncio.get_running_loop().create_future()
            self._signer.hurry()
            yield from self._done
        return self.fields


class DkimSigner:
    """`ports.Signer`: signs with every key. `domain` is the domain of the keys; None: that of each From."""

    def __init__(self, keys: Sequence[DkimKey], domain: str | None) -> None:
        if not keys:
            raise ValueError("no key")
        self._keys, self._domain = tuple(keys), domain
        self._left_here = SIGNED_HERE
        self._process: SigningProcess | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: deque[ProcessSignature] = deque()
        self._in_flight: deque[ProcessSignature] = deque()
        self._reading = False

    def signs(self, domain: str) -> bool:
        """Whether mail from this domain is signed."""
        return self._domain is None or self._domain == domain

    def sign(
        self, domain: str, signable: CanonicalMessage, values: Mapping[Placeholder, bytes]
    ) -> bytes | ProcessSignature:
        """The DKIM-Signature fields to put before a message, one for each key: at once, or to be awaited."""
        if self._left_here:
            self._left_here -= 1
        elif self._is_ready():
            pending = ProcessSignature(self, (domain, signable, values))
            self._queue.append(pending)
            if len(self._queue) >= BATCH:
                if self._in_flight:
                    self._read()
                self._ask(BATCH)
            return pending
        return signature_fields(self._keys, domain, signable.signing_input(values))

    def hurry(self) -> None:
        """Called when somebody waits: asks for what is queued, and reads answers as soon as they come."""
        if self._in_flight:
            self._read()
        self._ask(1)
        if self._process is not None and self._loop is not None and self._in_flight and not self._reading:
            self._reading = True
            self._loop.add_reader(self._process.fileno(), self._read)

    def _is_ready(self) -> bool:
        """Whether the process can sign for this run. The first call starts it."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what another run left unanswered is nobody's any more
            if self._in_flight or self._queue:
                self._end()
            self._loop, self._reading = loop, False
        if self._process is None:
            try:
                self._process = SigningProcess([(key.selector, key.pem) for key in self._keys])
            except OSError:
                self._left_here = SIGNED_HERE
                return False
        if self._process.ready:
            return True
        self._read()
        return self._has_ready_process()

    def _has_ready_process(self) -> bool:
        return self._process is not None and self._process.ready

    def _ask(self, enough: int) -> None:
        """Asks for what is queued, a batch at a time, while at least `enough` messages are."""
        while self._process and len(self._queue) >= enough and len(self._in_flight) < MOST_IN_FLIGHT:
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            self._in_flight.extend(batch)
            try:
                self._process.ask([pending.request for pending in batch])
            except OSError:
                self._go_on_without()

    def _read(self) -> None:
        """Takes the answers that have come. While somebody waits, the loop calls this."""
        if self._process is None:
            return
        try:
            made = self._process.answers()
        except OSError:
            self._go_on_without()
            return
        for each in made:
            self._in_flight.popleft().resolve(each, self._keys)
        if self._reading and self._queue:
            self._ask(1)
        if self._reading and not self._in_flight:
            self._stop_reading()

    def _stop_reading(self) -> None:
        if self._reading and self._process is not None and self._loop is not None:
            self._loop.remove_reader(self._process.fileno())
        self._reading = False

    def _go_on_without(self) -> None:
        """The process is gone: signs what it owes here, and lets another be started later."""
        owed = [*self._in_flight, *self._queue]
        self._end()
        self._left_here = SIGNED_HERE
        for pending in owed:
            pending.resolve(None, self._keys)

    def _end(self) -> None:
        self._in_flight.clear()
        self._queue.clear()
        if self._loop is not None and not self._loop.is_closed():
            self._stop_reading()
        self._reading = False
        process, self._process = self._process, None
        if process is not None:
            process.close()
