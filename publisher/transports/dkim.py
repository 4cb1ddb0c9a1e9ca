"""DKIM keys, and signing with them: RSA-2048 (RFC 6376) and Ed25519 (RFC 8463).

A signature by RSA takes a quarter of a millisecond, which is as long as all else that is done for a message.
So once a run has many, a worker process makes them on another core, for messages whose turn is still to come.
One by Ed25519 takes a tenth of that, and is made on the spot.
"""

import base64
import hashlib
import logging
import os
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from publisher.core.errors import SettingsError
from publisher.core.mail.dkim import CanonicalMessage, SignatureTemplate, SigningInput, signature_template
from publisher.core.mail.message import Placeholder
from publisher.worker_pool import start_pool

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Event
    from concurrent.futures import ProcessPoolExecutor

log = logging.getLogger(__name__)

LEAST_BITS = 2048
"""RFC 8301 3.2: signers should use at least this many."""

SIGNED_HERE = 500
"""Messages signed by RSA on the spot before it is worth starting a process, which takes as long as signing
them.
"""

BATCH = 16
"""Messages that the worker process is given together."""

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
            raise TypeError("not a key for DKIM")
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
        raise SettingsError(str(path), "this key has a passphrase", "take it away") from None
    except (ValueError, UnsupportedAlgorithm):
        do = "it must be a private key in PEM form"
        raise SettingsError(str(path), "this is no key for DKIM", do) from None
    if not isinstance(private, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise SettingsError(str(path), "this is no key for DKIM", "use RSA or Ed25519")
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


def sign_all(keys: Sequence[DkimKey], requests: Sequence[SignatureRequest]) -> list[bytes]:
    """The fields of each message."""
    return [
        signature_fields(keys, domain, signable.signing_input(values))
        for domain, signable, values in requests
    ]


_worker_keys: list[DkimKey] = []
"""The keys of a worker process."""


def _load_worker_keys(keys: Sequence[tuple[str, bytes]]) -> None:
    _worker_keys.extend(DkimKey.of(selector, pem) for selector, pem in keys)


def _sign_in_worker(requests: Sequence[SignatureRequest]) -> list[bytes]:
    return sign_all(_worker_keys, requests)


class SignatureBatch:
    """Messages that are signed together. `future` has the fields of each, once the batch was sent."""

    __slots__ = ("_keys", "future", "requests")

    def __init__(self, keys: Sequence[DkimKey]) -> None:
        self._keys = keys
        self.requests: list[SignatureRequest] = []
        self.future: Future[list[bytes]] | None = None

    def signed(self) -> list[bytes] | None:
        """The fields of each message; None while they are being made."""
        if self.future is None or not self.future.done():
            return None
        try:
            return self.future.result()
        except BrokenExecutor:  # the worker was killed
            return self.sign_here()

    def sign_here(self) -> list[bytes]:
        """Makes the fields in this process."""
        made = sign_all(self._keys, self.requests)
        self.future = Future()
        self.future.set_result(made)
        return made


class BatchedSignature:
    """The fields of one message of a batch (`ports.PendingSignature`)."""

    __slots__ = ("_batch", "_number", "_signer")

    def __init__(self, signer: "DkimSigner", batch: SignatureBatch) -> None:
        self._signer, self._batch, self._number = signer, batch, len(batch.requests)

    @property
    def fields(self) -> bytes | None:
        """The fields; None while they are being made."""
        signed = self._batch.signed()
        return None if signed is None else signed[self._number]

    def __await__(self) -> Generator[object, None, bytes]:
        return self._wait().__await__()

    async def _wait(self) -> bytes:
        import asyncio  # commands that sign a message or two have not loaded it

        self._signer.send(self._batch)  # even if there is room for more: somebody waits
        while (fields := self.fields) is None:
            # asyncio.wrap_future would cancel the batch, for all who wait, when one of them is cancelled.
            loop, done = asyncio.get_running_loop(), asyncio.Event()
            if self._batch.future is not None:
                self._batch.future.add_done_callback(partial(_wake, loop, done))
            await done.wait()
        return fields


def _wake(loop: "AbstractEventLoop", done: "Event", _: object) -> None:
    with suppress(RuntimeError):  # that run was given up, and its loop is closed
        loop.call_soon_threadsafe(done.set)


class DkimSigner:
    """`ports.Signer`: signs with every key. `domain` is the domain of the keys; None: that of each From."""

    def __init__(self, keys: Sequence[DkimKey], domain: str | None) -> None:
        if not keys:
            raise ValueError("no key")
        self._keys, self._domain = tuple(keys), domain
        self._wants_worker = any(isinstance(key.private, rsa.RSAPrivateKey) for key in keys)
        self._left_here = SIGNED_HERE
        self._pool: ProcessPoolExecutor | None = None
        self._ready: Future[object] | None = None
        self._batch = SignatureBatch(self._keys)

    def signs(self, domain: str) -> bool:
        """Whether mail from this domain is signed."""
        return self._domain is None or self._domain == domain

    def sign(
        self, domain: str, signable: CanonicalMessage, values: Mapping[Placeholder, bytes]
    ) -> bytes | BatchedSignature:
        """The DKIM-Signature fields to put before a message, one for each key: at once, or to be awaited."""
        if not self._has_worker():
            return signature_fields(self._keys, domain, signable.signing_input(values))
        batch = self._batch
        pending = BatchedSignature(self, batch)
        batch.requests.append((domain, signable, values))
        if len(batch.requests) == BATCH:
            self.send(batch)
        return pending

    def send(self, batch: SignatureBatch) -> None:
        """Gives a batch to the worker, unless it has it already; without one its messages are signed here."""
        if batch is not self._batch:
            return
        self._batch = SignatureBatch(self._keys)
        if self._pool is not None:
            try:
                batch.future = self._pool.submit(_sign_in_worker, batch.requests)
            except BrokenExecutor:  # it was killed; another is started later
                log.warning("the worker that signs died; this process goes on alone")
                self._pool, self._left_here = None, SIGNED_HERE
        if batch.future is None:
            batch.sign_here()

    def _has_worker(self) -> bool:
        """Whether a worker is ready. One is started once enough was signed without."""
        if not self._wants_worker:
            return False
        if self._left_here:
            self._left_here -= 1
            return False
        if self._pool is None or self._ready is None:
            keys = [(key.selector, key.pem) for key in self._keys]
            try:
                self._pool, self._ready = start_pool(1, "spawn", _load_worker_keys, keys)
            except OSError:
                self._left_here = SIGNED_HERE
                return False
        return self._ready.done()
