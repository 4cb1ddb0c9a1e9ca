"""DKIM keys, and signing with them: RSA-2048 (RFC 6376) and Ed25519 (RFC 8463).

A signature by RSA takes a quarter of a millisecond, which is as long as all else that is done for a message.
So once a run has many, a worker process makes them on another core, for messages whose turn is still to come.
One by Ed25519 takes a tenth of that, and is made on the spot.
"""

import base64
import hashlib
import logging
import os
import select
import signal
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from publisher.core.errors import SettingsError
from publisher.core.mail.dkim import CanonicalMessage, SignatureTemplate, SigningInput, signature_template
from publisher.core.mail.message import Placeholder

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from multiprocessing.connection import Connection

log = logging.getLogger(__name__)

LEAST_BITS = 2048
"""RFC 8301 3.2: signers should use at least this many."""

SIGNED_HERE = 100
"""Messages signed by RSA on the spot before it is worth starting a process, which takes as long as signing
them.
"""

BATCH = 16
"""Messages that the worker process is given together."""

ANSWER = 8
"""Messages whose fields come back together. They stay below the 16 kB that a `Connection` writes at once: of
more, its reader would get the length, and wait for the rest.
"""

MOST_SENT = 64
"""Messages that it has at once: it never runs dry, and its answers fit into the pipe, so that the two never
wait for each other to read.
"""

COHORTS_KNOWN = 64
"""Cohorts whose message the worker process has been given and keeps."""

Cohort: TypeAlias = tuple[int, CanonicalMessage, Sequence[Placeholder]]
"""Its number, its message, and the placeholders of that."""

_PADDING, _HASH = padding.PKCS1v15(), Prehashed(hashes.SHA256())

Private = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

SignatureRequest: TypeAlias = tuple[str, CanonicalMessage, Mapping[Placeholder, bytes]]
"""The domain that signs, a cohort's message in canonical form, and one reader's values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """A private key and the selector its public half is published under. Never shown by repr."""

    selector: str
    private: Private = field(repr=False)

    @property
    def algorithm(self) -> str:
        """As the a= tag names it."""
        return "rsa-sha256" if isinstance(self.private, rsa.RSAPrivateKey) else "ed25519-sha256"

    @property
    def record(self) -> str:
        """The TXT record of the public key (RFC 6376 3.6.1, RFC 8463 4)."""
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            form, kind = serialization.PublicFormat.SubjectPublicKeyInfo, "rsa"
            raw = public.public_bytes(serialization.Encoding.DER, form)
        else:
            raw, kind = public.public_bytes_raw(), "ed25519"
        return f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode('ascii')}"

    @property
    def pem(self) -> bytes:
        """The private key, for a worker process alone."""
        form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.private.private_bytes(serialization.Encoding.PEM, form, none)

    @classmethod
    def of(cls, selector: str, pem: bytes) -> "DkimKey":
        """The key in `pem`. Raises ValueError, TypeError, UnsupportedAlgorithm: it is no key for DKIM."""
        private = serialization.load_pem_private_key(pem, None)
        if not isinstance(private, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
            raise TypeError("not a DKIM key")
        return cls(selector=selector, private=private)

    def sign(self, data: bytes) -> bytes:
        """The signature of the SHA-256 of `data`. The same bytes each time."""
        digest = hashlib.sha256(data).digest()
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(digest, _PADDING, _HASH)
        return self.private.sign(digest)


def load_key(selector: str, path: Path) -> DkimKey:
    """The key in a PEM file. Raises SettingsError: no file, no such key, or one too short to be trusted."""
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        do = f"make it with `publisher keys dkim {selector}`"
        raise SettingsError(str(path), f"cannot be read ({error.strerror})", do) from None
    except TypeError:
        raise SettingsError(str(path), "this key has a passphrase", "remove the passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        do = "it must be a private key in PEM form"
        raise SettingsError(str(path), "not a DKIM key", do) from None
    if not isinstance(private, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise SettingsError(str(path), "not a DKIM key", "use RSA or Ed25519")
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size < LEAST_BITS:
        what = f"an RSA key of {private.key_size} bits is not trusted"
        raise SettingsError(str(path), what, f"make one of {LEAST_BITS}")
    return DkimKey(selector=selector, private=private)


def make_key(selector: str, path: Path, *, algorithm: str) -> DkimKey:
    """A new key ("rsa" or "ed25519") in a new file that only its owner reads. Raises OSError (the file is
    there, or cannot be made).
    """
    private: Private = (
        rsa.generate_private_key(public_exponent=65537, key_size=LEAST_BITS)
        if algorithm == "rsa"
        else ed25519.Ed25519PrivateKey.generate()
    )
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for folder in reversed([one for one in path.parents if not one.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)
    return DkimKey(selector=selector, private=private)


@lru_cache(maxsize=256)
def _signature_template(algorithm: str, domain: str, selector: str) -> SignatureTemplate:
    return signature_template(algorithm, domain, selector)


def signature_fields(keys: Sequence[DkimKey], domain: str, signing: SigningInput) -> bytes:
    """The DKIM-Signature fields to put before a message, one for each key."""
    made: list[bytes] = []
    for key in keys:
        template = _signature_template(key.algorithm, domain, key.selector)
        made.append(template.field(signing, key.sign(template.to_sign(signing))))
    return b"".join(made)


class SigningProcess:
    """A child process that signs batches, in the order given. Raises OSError: it cannot be started, or it is
    gone.

    No executor: the two threads of a ProcessPoolExecutor compete with the event loop for the interpreter, and
    each task would bring its cohort's message along (docs/decisions/0022-processes.md).
    """

    def __init__(self, keys: Sequence[DkimKey]) -> None:
        from multiprocessing import get_context  # some 20 ms to load

        context = get_context("spawn")  # a fork would be unsafe: other threads run
        self._connection, theirs = context.Pipe()
        self._poll = select.poll()
        self._poll.register(self._connection.fileno(), select.POLLIN)
        self._cohorts: dict[int, Cohort] = {}
        self._count = 0
        plain = [(key.selector, key.pem) for key in keys]
        # Ctrl-C reaches the whole foreground group, but is for the process that sends: it finishes its
        # messages.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            with theirs:
                context.Process(target=sign_for_parent, args=(theirs, plain), daemon=True).start()
        except OSError:
            self.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def fileno(self) -> int:
        """Readable when an answer has come, or when the process is gone."""
        return self._connection.fileno()

    def send(self, requests: Sequence[SignatureRequest]) -> None:
        """Asks for the fields of a batch. A cohort's message is sent once, with the first of its readers."""
        new: list[Cohort] = []
        to_sign: list[tuple[int, str, list[bytes]]] = []
        for domain, message, values in requests:
            cohort = self._cohorts.get(id(message))  # it is kept: no other has its id meanwhile
            if cohort is None:
                self._count += 1
                cohort = self._count, message, message.places
                if len(self._cohorts) == COHORTS_KNOWN:
                    del self._cohorts[next(iter(self._cohorts))]
                self._cohorts[id(message)] = cohort
                new.append(cohort)
            to_sign.append((cohort[0], domain, [values[place] for place in cohort[2]]))
        self._connection.send((new, to_sign))

    def has_answer(self) -> bool:
        """Whether an answer has come, or the process is gone."""
        return bool(self._poll.poll(0))

    def receive(self) -> list[bytes]:
        """The fields of each message of the batch that was sent first; before those, once, an empty list: it
        is ready. Raises EOFError too: it is gone.
        """
        made: list[bytes] = self._connection.recv()
        return made

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()


def sign_for_parent(connection: "Connection[Any, Any]", keys: Sequence[tuple[str, bytes]]) -> None:
    """The life of a `SigningProcess`, until its parent closes the other end, or dies. `keys` has the selector
    and the PEM of each.
    """
    loaded = [DkimKey.of(selector, pem) for selector, pem in keys]
    cohorts: dict[int, Cohort] = {}
    with suppress(EOFError, OSError):
        connection.send([])
        while True:
            new, to_sign = connection.recv()
            for cohort in new:
                cohorts[cohort[0]] = cohort
                cohorts.pop(cohort[0] - 2 * COHORTS_KNOWN, None)
            for at in range(0, len(to_sign), ANSWER):
                made: list[bytes] = []
                for number, domain, values in to_sign[at : at + ANSWER]:
                    _, message, places = cohorts[number]
                    signing = message.signing_input(dict(zip(places, values, strict=True)))
                    made.append(signature_fields(loaded, domain, signing))
                connection.send(made)


class WorkerSignature:
    """The fields of one message, which the worker process makes (`ports.PendingSignature`). `fields` is None
    meanwhile.
    """

    __slots__ = ("_signer", "done", "fields", "request")

    def __init__(self, signer: "DkimSigner", request: SignatureRequest) -> None:
        self._signer, self.request = signer, request
        self.fields: bytes | None = None
        self.done: Future[None] | None = None

    def set_fields(self, fields: bytes) -> None:
        """Keeps the fields, and wakes who waits for them."""
        self.fields = fields
        if self.done is not None and not self.done.done():  # done: whoever waited was cancelled
            self.done.set_result(None)

    def __await__(self) -> Generator[object, None, bytes]:
        import asyncio  # commands that sign a message or two have not loaded it

        while self.fields is None:
            self.done = self.done or asyncio.get_running_loop().create_future()
            self._signer.hurry()
            yield from self.done
        return self.fields


class DkimSigner:
    """`ports.Signer`: signs with every key. `domain` is the domain of the keys; None: that of each From."""

    def __init__(self, keys: Sequence[DkimKey], domain: str | None) -> None:
        if not keys:
            raise ValueError("no key")
        self._keys, self._domain = tuple(keys), domain
        self._wants_worker = any(isinstance(key.private, rsa.RSAPrivateKey) for key in keys)
        self._left_here = SIGNED_HERE
        self._worker: SigningProcess | None = None
        self._ready = self._hurried = False
        self._loop: AbstractEventLoop | None = None
        self._queue: deque[WorkerSignature] = deque()
        self._sent: deque[WorkerSignature] = deque()

    def signs(self, domain: str) -> bool:
        """Whether mail from this domain is signed."""
        return self._domain is None or self._domain == domain

    def sign(
        self, domain: str, signable: CanonicalMessage, values: Mapping[Placeholder, bytes]
    ) -> bytes | WorkerSignature:
        """The DKIM-Signature fields to put before a message, one for each key: at once, or to be awaited."""
        if not self._has_worker():
            return signature_fields(self._keys, domain, signable.signing_input(values))
        pending = WorkerSignature(self, (domain, signable, values))
        self._queue.append(pending)
        if len(self._queue) >= BATCH:
            self._receive_all()
            self._send_batches(BATCH)
        return pending

    def hurry(self) -> None:
        """Sends the queue to the worker even if it is less than a batch, because a caller is waiting."""
        self._hurried = True
        self._receive_all()
        self._send_batches(1)

    def _has_worker(self) -> bool:
        """Whether a worker is ready. One is started once enough was signed without."""
        if not self._wants_worker:
            return False
        if self._left_here:
            self._left_here -= 1
            return False
        if self._worker is None:
            try:
                self._worker = SigningProcess(self._keys)
            except OSError:
                self._left_here = SIGNED_HERE
                return False
            self._ready, self._loop = False, None
        self._listen(self._worker)
        return self._ready

    def _listen(self, worker: SigningProcess) -> None:
        """Has the running loop call `_receive` when an answer comes."""
        from asyncio import get_running_loop

        loop = get_running_loop()
        if loop is self._loop:
            return
        for pending in (*self._sent, *self._queue):  # nobody of a former run waits any more
            pending.done = None
        self._loop = loop
        loop.add_reader(worker.fileno(), self._receive)
        os.set_blocking(worker.fileno(), True)  # uvloop has changed it; a `Connection` reads whole messages

    def _send_batches(self, least: int) -> None:
        """Sends what is queued, a batch at a time, while there are at least so many messages."""
        while self._worker and len(self._queue) >= least and len(self._sent) < MOST_SENT:
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            self._sent.extend(batch)
            try:
                self._worker.send([pending.request for pending in batch])
            except OSError:
                self._go_on_without_worker()

    def _receive_all(self) -> None:
        while self._worker is not None and self._worker.has_answer():
            self._receive()

    def _receive(self) -> None:
        """Takes one answer, which has come, and sends what waited for its place."""
        if self._worker is None:
            return
        try:
            made = self._worker.receive()
        except (EOFError, OSError):
            self._go_on_without_worker()
            return
        self._ready = True
        for fields in made:
            self._sent.popleft().set_fields(fields)
        if not self._sent:
            self._hurried = False
        self._send_batches(1 if self._hurried else BATCH)

    def _go_on_without_worker(self) -> None:
        """It was killed: signs here what it owes. Another is started later."""
        log.warning("worker_died", extra={"work": "signing mail", "reason": "this process continues alone"})
        if self._worker is not None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.remove_reader(self._worker.fileno())
            self._worker.close()
        self._worker, self._left_here = None, SIGNED_HERE
        owed = [*self._sent, *self._queue]
        self._sent.clear()
        self._queue.clear()
        for pending in owed:
            domain, signable, values = pending.request
            pending.set_fields(signature_fields(self._keys, domain, signable.signing_input(values)))
