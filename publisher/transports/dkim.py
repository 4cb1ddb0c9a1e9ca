"""DKIM keys, and signing with them: RSA-2048 (RFC 6376) and Ed25519 (RFC 8463).

Signing by RSA takes a fifth of a millisecond: where there is much of it, a process does it, for all who wait
for it at once. Ed25519 takes a tenth of that and is done on the spot.
"""

import asyncio
import base64
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from publisher.core.dkim import Signing, Stamp, stamp
from publisher.core.errors import SettingsError
from publisher.transports.signing import Asked, SigningProcess

LEAST_BITS = 2048
"""RFC 8301 3.2: signers should use at least this."""

_PADDING, _HASH = padding.PKCS1v15(), Prehashed(hashes.SHA256())

Private = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
Waiting = tuple[str, Signing, "asyncio.Future[bytes]"]

FEW = 100
"""Messages signed on the spot before it is worth a process."""

NONE_MADE: Mapping[str, bytes] = MappingProxyType({})


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
    def pem(self) -> tuple[bytes, int]:
        """The private key of RSA, and how many bytes its signatures have: for a process of ours alone."""
        assert isinstance(self.private, rsa.RSAPrivateKey)  # noqa: S101  # Ed25519 needs no process
        form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.private.private_bytes(serialization.Encoding.PEM, form, none), self.private.key_size // 8

    def sign(self, data: bytes) -> bytes:
        """The signature of the SHA-256 of `data`. The same bytes each time."""
        digest = hashlib.sha256(data).digest()
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(digest, _PADDING, _HASH)
        return self.private.sign(digest)


def load_key(selector: str, path: Path) -> DkimKey:
    """The key in a PEM file. Raises SettingsError: none there, not such a key, or one that proves nothing."""
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
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)
    return DkimKey(selector=selector, private=private)


def signing_by(pem: bytes) -> Callable[[bytes], bytes]:
    """Signs the SHA-256 it is given by the RSA key in `pem`: for the process that does nothing else."""
    private = serialization.load_pem_private_key(pem, None)
    assert isinstance(private, rsa.RSAPrivateKey)  # noqa: S101  # what DkimSigner gives it
    return lambda digest: private.sign(digest, _PADDING, _HASH)


class DkimSigner:
    """`ports.Signer`: signs with every key. `domain` is whose keys they are; None: each From domain's."""

    def __init__(self, keys: Sequence[DkimKey], domain: str | None) -> None:
        if not keys:
            raise ValueError("no key")
        self._keys, self._domain = tuple(keys), domain
        self._slow = [key for key in keys if isinstance(key.private, rsa.RSAPrivateKey)]
        self._few = FEW if self._slow else -1
        self._process: SigningProcess | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[Waiting] = []
        self._busy = False

    def signs(self, domain: str) -> bool:
        """Whether mail from this domain is signed."""
        return self._domain is None or self._domain == domain

    async def sign(self, domain: str, signing: Signing) -> bytes:
        """The DKIM-Signature fields to put before a message, one for each key."""
        if self._few:
            self._few -= self._few > 0
            return self._fields(domain, signing)
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what another run left unanswered is nobody's any more
            self._forget()
            self._loop = loop
        done: asyncio.Future[bytes] = loop.create_future()
        self._waiting.append((domain, signing, done))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._start, loop)  # others who are ready now come along
        return await done

    def _forget(self) -> None:
        if self._process is not None and self._busy:
            self._process.close()
            self._process = None
        self._waiting, self._busy = [], False

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Gives all that waits to the process, if anything does; what it cannot do is done here."""
        part, self._waiting = self._waiting, []
        self._busy = bool(part)
        if not part:
            return
        batch = [
            (number, hashlib.sha256(_stamp(key.algorithm, domain, key.selector).to_sign(signing)).digest())
            for domain, signing, _ in part
            for number, key in enumerate(self._slow)
        ]
        try:
            process = self._process = self._process or SigningProcess([key.pem for key in self._slow])
            process.ask(batch)
        except OSError:
            self._alone(loop, part)
        else:
            loop.add_reader(process.fileno(), self._answered, loop, process, part, batch)

    def _answered(
        self,
        loop: asyncio.AbstractEventLoop,
        process: SigningProcess,
        part: Sequence[Waiting],
        batch: Sequence[Asked],
    ) -> None:
        loop.remove_reader(process.fileno())
        try:
            made = iter(process.answer(batch))
        except OSError:
            self._alone(loop, part)
            return
        for domain, signing, done in part:
            slow = {key.selector: next(made) for key in self._slow}
            if not done.done():  # else whoever asked was cancelled
                done.set_result(self._fields(domain, signing, slow))
        self._start(loop)

    def _alone(self, loop: asyncio.AbstractEventLoop, part: Sequence[Waiting]) -> None:
        """Without the process, which is gone: another is started for what comes next."""
        if self._process is not None:
            self._process.close()
            self._process = None
        self._few = FEW
        for domain, signing, done in part:
            if not done.done():
                done.set_result(self._fields(domain, signing))
        self._start(loop)

    def _fields(self, domain: str, signing: Signing, made: Mapping[str, bytes] = NONE_MADE) -> bytes:
        fields: list[bytes] = []
        for key in self._keys:
            mark = _stamp(key.algorithm, domain, key.selector)
            signature = made.get(key.selector) or key.sign(mark.to_sign(signing))
            fields.append(mark.field(signing, signature))
        return b"".join(fields)


@lru_cache(maxsize=256)
def _stamp(algorithm: str, domain: str, selector: str) -> Stamp:
    return stamp(algorithm, domain, selector)
