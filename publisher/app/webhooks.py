"""The webhooks of a site: what settings say of each provider, its secret as the file has it now, and the
command that confirms Amazon's subscription.
"""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from publisher.app.backup import must_be_up_to_date
from publisher.app.container import read_password
from publisher.core.delivery.relays import MailProvider
from publisher.core.delivery.webhooks.events import WebhookAccess, WebhookOutcome, WebhookRequest
from publisher.core.delivery.webhooks.providers import SHARED_SECRETS, STRONGER, WEAK, is_strong
from publisher.core.delivery.webhooks.ses import confirmation_url
from publisher.core.errors import OutputError, Refused, SettingsError, UsageError

if TYPE_CHECKING:
    from publisher.app.app import App

log = logging.getLogger(__name__)


class Webhooks:
    """Hears the providers that `mail.bounces.webhooks` names. For several threads."""

    def __init__(self, app: "App") -> None:
        from publisher.services.delivery.webhooks import SnsCertificates

        self._app = app
        self._certificates = SnsCertificates(app.deps.adapters.http_client, app.deps.process.monotonic)

    def hears(self, provider: MailProvider) -> bool:
        """Whether settings name the provider."""
        return provider in self._app.settings.mail.bounces.webhooks

    def receive(self, provider: MailProvider, request: WebhookRequest) -> Counter[WebhookOutcome]:
        """Acts on a request. Raises WebhookRefused, and PublisherError if it should come again."""
        from publisher.services.delivery.webhooks import receive

        app = self._app
        must_be_up_to_date(app)
        now = app.clock()
        return receive(app.deps, provider, self._access(provider, now), request, now)

    def is_authorized(self, provider: MailProvider, authorized: Callable[[str], bool]) -> bool:
        """Whether a request may be read at all: where a shared secret is all there is, that is known before
        its body. Raises SettingsError.
        """
        return provider not in SHARED_SECRETS or authorized(self._secret(provider))

    def _access(self, provider: MailProvider, now: datetime) -> WebhookAccess:
        from publisher.transports.signatures import is_signed_by_certificate, is_signed_by_ecdsa

        def verify_sns(url: str, signed: bytes, signature: bytes, version: str) -> bool:
            pem = self._certificates.get(url)
            try:
                return is_signed_by_certificate(pem, signed, signature, sha1=version == "1", now=now)
            except ValueError:
                raise OutputError(
                    url, "is not a certificate of SNS", "Publisher will ask for it again"
                ) from None

        def verify_ecdsa(key: str, signed: bytes, signature: bytes) -> bool:
            try:
                return is_signed_by_ecdsa(key, signed, signature)
            except ValueError:
                file = str(self._app.settings.mail.bounces.webhooks[provider].secret_file)
                what = "is no public key for ECDSA"
                raise SettingsError(file, what, "put the verification key of SendGrid into it") from None

        return WebhookAccess(
            secret=self._secret(provider),
            topic=self._app.settings.mail.bounces.webhooks[provider].topic,
            verify_sns=verify_sns,
            verify_ecdsa=verify_ecdsa,
        )

    def _secret(self, provider: MailProvider) -> str:
        file = self._app.settings.mail.bounces.webhooks[provider].secret_file
        if file is None:
            return ""
        secret = read_password(file, f"the webhook of {provider}").strip()
        if not secret:
            raise SettingsError(str(file), "is empty", f"put the secret of the webhook of {provider} into it")
        if provider in SHARED_SECRETS and not is_strong(secret):
            raise SettingsError(str(file), WEAK, STRONGER)
        return secret


def confirm_subscription(app: "App") -> str:
    """Tells Amazon SNS that the topic of settings may send to this site, and returns the topic. Raises
    UsageError if settings name none, Refused if nothing asked, OutputError if Amazon does not agree.
    """
    from publisher.services.delivery.webhooks import PROBLEM_AREA

    known = app.settings.mail.bounces.webhooks.get(MailProvider.SES)
    if known is None:
        raise UsageError("--confirm", "mail.bounces.webhooks names no topic of Amazon SNS", "set ses.topic")
    token = app.store.confirmation(known.topic)
    if not token:
        do = "let SNS send its request again, to the address of this site that ends in /hooks/ses"
        raise Refused(known.topic, "has not asked to be confirmed", do)
    reply = app.deps.adapters.http_client().get_once(confirmation_url(known.topic, token), 4096)
    if reply.status != 200:
        raise OutputError(known.topic, f"is not confirmed ({reply.summary})", "try again, or ask SNS anew")
    app.store.drop_confirmation(known.topic)
    app.store.set_problems(PROBLEM_AREA, [], app.clock())
    return known.topic
