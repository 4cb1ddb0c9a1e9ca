"""The providers: how each one's requests are read, and the header that makes it hand our id back."""

from collections.abc import Mapping
from math import log2

from publisher.core.delivery.relays import MailProvider
from publisher.core.delivery.webhooks.brevo import read_brevo
from publisher.core.delivery.webhooks.events import WebhookReader
from publisher.core.delivery.webhooks.mailgun import read_mailgun
from publisher.core.delivery.webhooks.postmark import read_postmark
from publisher.core.delivery.webhooks.sendgrid import read_sendgrid
from publisher.core.delivery.webhooks.ses import read_ses

READERS: Mapping[MailProvider, WebhookReader] = {
    MailProvider.SES: read_ses,
    MailProvider.MAILGUN: read_mailgun,
    MailProvider.SENDGRID: read_sendgrid,
    MailProvider.POSTMARK: read_postmark,
    MailProvider.BREVO: read_brevo,
}

SHARED_SECRETS = frozenset({MailProvider.POSTMARK, MailProvider.BREVO})
"""They sign nothing: a secret of the operator's own making is all that proves a request."""

LEAST_SECRET_BITS, LEAST_DIFFERENT = 128, 8
"""Bits, and different characters, of a secret that nobody guesses."""

WEAK = "has less than 128 bits, so it can be guessed"
STRONGER = "put the output of `openssl rand -hex 24` into it, and into the provider's settings"


def secret_bits(secret: str) -> float:
    """How many bits a secret has at most, by its length and characters; 0 if it repeats a few of them."""
    kinds = (
        (set("0123456789"), 10),
        (set("0123456789abcdef"), 16),
        (set("0123456789ABCDEF"), 16),
        (set("0123456789abcdefghijklmnopqrstuvwxyz"), 36),
    )
    used = set(secret)
    size = next((size for letters, size in kinds if used <= letters), 64)
    return len(secret) * log2(size) if len(used) >= LEAST_DIFFERENT else 0.0


def is_strong(secret: str) -> bool:
    """Whether a shared secret is long enough that nobody guesses it."""
    return secret_bits(secret) >= LEAST_SECRET_BITS
