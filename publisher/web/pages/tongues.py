"""Which language a page speaks to somebody of whom nothing is known."""

from collections.abc import Sequence

from starlette.types import Scope

from publisher.core.posts.filters import TermKind, bears
from publisher.web.documents.negotiation import weights


def to_say(message: str) -> str:
    """Marks an English message for `make messages`. The template that shows it says it in its language."""
    return message


def liked(scope: Scope, spoken: Sequence[str]) -> str:
    """The one of `spoken` languages (BCP 47, the usual one first) that the Accept-Language of a request likes
    best (RFC 9110 12.5.4); the usual one where it names none of them. "pt" and "pt-BR" are as good as each
    other (RFC 4647 3.3.1, 3.4).
    """
    asked = b",".join(value for name, value in scope["headers"] if name == b"accept-language")
    wanted = {tag.decode("ascii").lower(): weight for tag, weight in weights(asked).items()}
    best, most = spoken[0], 0.0
    for language in spoken:
        weight = max((w for tag, w in wanted.items() if _alike(tag, language.lower())), default=0.0)
        if weight > most:
            best, most = language, weight
    return best


def _alike(one: str, other: str) -> bool:
    return bears(TermKind.LANGUAGE, one, other) or bears(TermKind.LANGUAGE, other, one)
