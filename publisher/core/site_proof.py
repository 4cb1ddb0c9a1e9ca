"""Whose server is this? An answer that only a site with our secret can give.

Whoever asks sends a challenge, fresh each time; the answer is HMAC-SHA256 of it under the site's key, for
this one purpose. What was recorded, cached or copied to another host answers another challenge, and the value
says nothing about the key. What links in mails need is the same key: a server that proves it verifies
their tokens.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hmac import compare_digest

from publisher.core.tokens import KeyRing, keyed_hash

PROOF_PATH = "healthz"
"""Where it is asked, under web.public_url."""

LINK_RULE = "public-url"
"""What `publish --force` calls the rule that links in mails lead to this site."""


class SiteIdentity(StrEnum):
    """Who answered."""

    OURS = "this site"
    OTHER = "another site"
    NONE = "nobody"


ANSWER_LIFETIME = {
    SiteIdentity.OURS: timedelta(days=1),
    SiteIdentity.NONE: timedelta(hours=1),
    SiteIdentity.OTHER: timedelta(),
}
"""How long an answer holds. Another site's is asked for again with each mailing that is due, so that mail
goes out as soon as that is mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofAnswer:
    """An answer: to whom it was put, when, who answered, and what is to be said about it ("": nothing)."""

    url: str
    at: datetime
    answer: SiteIdentity
    words: str = ""

    def holds(self, url: str, now: datetime) -> bool:
        """Whether it need not be asked again."""
        return self.url == url and timedelta() <= now - self.at < ANSWER_LIFETIME[self.answer]


def prove_site(challenge: str, ring: KeyRing) -> str:
    """32 hex digits, the answer to a challenge; that to "" names the site. Made with the oldest key, so that
    it stays the same when keys are rotated.
    """
    return _proof(challenge, ring.keys[min(ring.keys)])


def verifies_proof(text: str, challenge: str, ring: KeyRing) -> bool:
    """Whether what a server said is the answer of this site."""
    said = re.findall(r"^([0-9a-f]{32})\r?$", text, re.MULTILINE)
    return any(compare_digest(one, _proof(challenge, key)) for one in said for key in ring.keys.values())


def is_challenge(text: str) -> bool:
    """Whether a challenge is one that is answered."""
    return re.fullmatch(r"[0-9A-Za-z_-]{1,64}", text) is not None


def _proof(challenge: str, key: bytes) -> str:
    return keyed_hash(key, b"site\0", challenge.encode())[:16].hex()
