"""Which posts a feed or a list has: filters by category, tag, author and language; names of a feed's
parts.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from publisher.core.posts.post import Post


class TermKind(StrEnum):
    """The kinds of terms that posts are filtered by."""

    CATEGORY = "category"
    TAG = "tag"
    AUTHOR = "author"
    LANGUAGE = "language"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostFilter:
    """A filter: a post matches if it has at least one of the values of each kind that is given.

    Values are compared folded (`fold_term`). A language also matches more specific ones: "pt" matches "pt-BR"
    (RFC 4647 3.3.1).
    """

    category: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    language: tuple[str, ...] = ()

    def of(self, kind: TermKind) -> tuple[str, ...]:
        """The values of that kind."""
        values: tuple[str, ...] = getattr(self, kind.value)
        return values

    def matches(self, post: Post) -> bool:
        """Whether `post` passes."""
        return self.matches_terms({(kind, key) for kind, key, _ in terms_of(post)})

    def matches_terms(self, borne: Collection[tuple[TermKind, str]]) -> bool:
        """Whether a post with these folded values passes."""
        return all(
            any(
                term_matches(kind, fold_term(value), key)
                for value in self.of(kind)
                for k, key in borne
                if k is kind
            )
            for kind in TermKind
            if self.of(kind)
        )


EVERYTHING = PostFilter()
"""The filter that every post matches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A value that posts have, or once had. `label` is how it was first written; `version` changes whenever a
    post with it does; `borne`: live posts have it now.
    """

    kind: TermKind
    key: str
    label: str
    version: int
    borne: bool


def term_matches(kind: TermKind, wanted: str, key: str) -> bool:
    """Whether a post with the folded value `key` is one of the folded value `wanted`."""
    return key == wanted or (kind is TermKind.LANGUAGE and key.startswith(wanted + "-"))


def terms_of(post: Post) -> Iterator[tuple[TermKind, str, str]]:
    """(kind, folded value, value as written) of every term of `post`, each once."""
    yield from _terms(TermKind.CATEGORY, post.categories)
    yield from _terms(TermKind.TAG, post.tags)
    yield from _terms(TermKind.AUTHOR, tuple([person.name for person in post.authors]))
    yield from _terms(TermKind.LANGUAGE, (post.language,))


@lru_cache(maxsize=4_000)  # many posts have the same terms
def _terms(kind: TermKind, written: tuple[str, ...]) -> tuple[tuple[TermKind, str, str], ...]:
    found: dict[str, tuple[TermKind, str, str]] = {}
    for value in written:
        if key := fold_term(value):
            found.setdefault(key, (kind, key, _without_surrogates(value).strip()))
    return tuple(found.values())


@lru_cache(maxsize=2_000)
def fold_term(value: str) -> str:
    """`value` for comparison: "Open Source", "open-source" and "open_source" are equal."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())
    return _GAP.sub("-", _without_surrogates(plain)).strip("-")


def _without_surrogates(text: str) -> str:
    """`text` without lone surrogates, which no document can contain."""
    return text.encode(errors="ignore").decode()


MAX_PART_NAME_BYTES = 80
"""Bytes of UTF-8 in a part's name, so that any suffix fits any file system."""

_GAP = re.compile(r"[\s_-]+")
_RESERVED = re.compile(r"index|con|prn|aux|nul|(?:com|lpt)\d")


def feed_part_name(key: str) -> str:
    """The name of the folded value `key` in file names and links: letters, marks and digits of any script,
    separated by hyphens. If that leaves something out, or is a reserved name on some systems, "~" and a
    digest of the value follow: different values never share a name.
    """
    plain = (
        c if unicodedata.category(c)[0] in "LMN" and unicodedata.normalize("NFC", c) == c else " "
        for c in key
    )
    name = "-".join("".join(plain).split())
    while len(name.encode()) > MAX_PART_NAME_BYTES:
        name = name[:-1]
    if name == key and not _RESERVED.fullmatch(name):
        return name
    return f"{name}~{hashlib.sha256(key.encode()).hexdigest()[:10]}"
