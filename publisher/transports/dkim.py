"""DKIM keys, and signing with them: RSA-2048 (RFC 6376) and Ed25519 (RFC 8463)."""

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from publisher.core.errors import SettingsError
from publisher.core.mail.dkim import SignatureTemplate, SigningInput, signature_template

LEAST_BITS = 2048
"""RFC 8301 3.2: signers should use at least this."""

_PADDING, _HASH = padding.PKCS1v15(), Prehashed(hashes.SHA256())

Private = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


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
        """The private key, for the signing process alone."""
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


def signature_fields(keys: Sequence[DkimKey], domain: str, signing: SigningInput) -> bytes:
    """The DKIM-Signature fields to put before a message, one for each key."""
    made: list[bytes] = []
    for key in keys:
        mark = _stamp(key.algorithm, domain, key.selector)
        made.append(mark.field(signing, key.sign(mark.to_sign(signing))))
    return b"".join(made)


@lru_cache(maxsize=256)
def _stamp(algorithm: str, domain: str, selector: str) -> SignatureTemplate:
    return signature_template(algorithm, domain, selector)
