"""Signatures of providers' webhooks: RSA by Amazon SNS, ECDSA by SendGrid."""

import base64
import binascii
from datetime import datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import load_pem_x509_certificate

LEAST_BITS = 2048


def is_signed_by_certificate(
    pem: bytes, signed: bytes, signature: bytes, *, sha1: bool, now: datetime
) -> bool:
    """Whether the RSA key of a certificate that is valid `now` made the signature (PKCS #1 1.5). Raises
    ValueError if the bytes are no such certificate.
    """
    certificate = load_pem_x509_certificate(pem)
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < LEAST_BITS:
        raise ValueError("no certificate of an RSA key of at least 2048 bits")
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return False
    # SNS signs with SHA-1 unless the topic's SignatureVersion is 2. Forging that needs a second preimage.
    digest = hashes.SHA1() if sha1 else hashes.SHA256()  # noqa: S303
    try:
        key.verify(signature, signed, padding.PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True


def is_signed_by_ecdsa(public_key: str, signed: bytes, signature: bytes) -> bool:
    """Whether the key made the signature (DER, SHA-256). `public_key` is base64 of DER, with or without the
    lines around it that make it PEM. Raises ValueError if it is no such key.
    """
    key = load_public_key(public_key)
    try:
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def load_public_key(text: str) -> ec.EllipticCurvePublicKey:
    """The elliptic-curve key. Raises ValueError."""
    lines = [line.strip() for line in text.splitlines() if not line.startswith("-----")]
    try:
        key = serialization.load_der_public_key(base64.b64decode("".join(lines), validate=True))
    except (binascii.Error, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("a key of another kind")
    return key
