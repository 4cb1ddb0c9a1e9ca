"""Which posts a feed or a list is about: by category, tag, author and language; names of a feed's parts."""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from publisher.core.posts.post import Post


class TermKind(StrEnum):
    """What posts are told apart by."""

    CATEGORY = "category"
    TAG = "tag"
    AUTHOR = "author"
    LANGUAGE = "language"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostFilter:
    """A filter: a post matches when, of each kind that is given, it bears at least one of the values.

    Values are compared as `folded` has them. A language matches those more special: "pt" also "pt-BR"
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
        """Whether `post` is meant."""
        return self.matches_terms({(kind, key) for kind, key, _ in terms_of(post)})

    def matches_terms(self, borne: Collection[tuple[TermKind, str]]) -> bool:
        """Whether a post that bears these folded values is meant."""
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
    """A value that posts bear, or once bore. `label` is how it was first written; `version` changes when
    the posts that bear it do; `borne`: live posts bear it now.
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
    """(kind, folded value, value as written) of all that `post` bears, each once."""
    yield from _terms(TermKind.CATEGORY, post.categories)
    yield from _terms(TermKind.TAG, post.tags)
    yield from _terms(TermKind.AUTHOR, tuple([person.name for person in post.authors]))
    yield from _terms(TermKind.LANGUAGE, (post.language,))


@lru_cache(maxsize=4_000)  # many posts bear the same
def _terms(kind: TermKind, written: tuple[str, ...]) -> tuple[tuple[TermKind, str, str], ...]:
    found: dict[str, tuple[TermKind, str, str]] = {}
    for value in written:
        key, label = _named(value)
        if key:
            found.setdefault(key, (kind, key, label))
    return tuple(found.values())


@lru_cache(maxsize=2_000)
def _named(value: str) -> tuple[str, str]:
    """`value` folded, and as it is shown."""
    return fold_term(value), _well_formed(value).strip()


@lru_cache(maxsize=2_000)
def fold_term(value: str) -> str:
    """`value` for comparison: "Open Source", "open-source" and "open_source" are one."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())
    return _GAP.sub("-", _well_formed(plain)).strip("-")


def _well_formed(text: str) -> str:
    """`text` without lone surrogates, which no document can carry."""
    return text.encode(errors="ignore").decode()


MAX_PART_NAME_BYTES = 80
"""Bytes of UTF-8 in a part's name, so that any suffix fits any file system."""

_GAP = re.compile(r"[\s_-]+")
_RESERVED = re.compile(r"index|con|prn|aux|nul|(?:com|lpt)\d")


def feed_part_name(key: str) -> str:
    """The name that the folded value `key` has in file names and links: letters, marks and digits of any
    script, apart by hyphens. Where that leaves something out, or is no name everywhere, "~" and a digest
    of the value follow: different values never share a name.
    """
    name = "-".join("".join(c if _plain(c) else " " for c in key).split())
    while len(name.encode()) > MAX_PART_NAME_BYTES:
        name = name[:-1]
    if name == key and not _RESERVED.fullmatch(name):
        return name
    return f"{name}~{hashlib.sha256(key.encode()).hexdigest()[:10]}"


def _plain(character: str) -> bool:
    return (
        unicodedata.category(character)[0] in "LMN" and unicodedata.normalize("NFC", character) == character
    )
