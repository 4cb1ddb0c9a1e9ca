"""How alike two bodies are, by the runs of five words (shingles) they share.

A post that was renamed, got a new title and a corrected word keeps almost all of its shingles. Two posts made
from one template may share as many, so the verdict also depends on when each was published and on whether a
third post is like them.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import takewhile

from publisher.core.patterns import lazy
from publisher.core.posts.post import Post
from publisher.core.publishing.log import PublishedPost

SHINGLE_WORDS = 5
"""Words in a row."""

MIN_WORDS = 40
"""A body of fewer words says too little to be sure of."""

SAME_SHARE, DOUBTFUL_SHARE = 0.9, 0.5
"""Shares of the larger body's shingles: enough for one post, and enough for a doubt."""

MAX_COMPARED = 100
"""The most vanished posts that one new file is compared with: those of one day are seldom more."""

_SPACELESS = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # Hiragana, Katakana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # ideographs of Chinese and Japanese
)
_WORD = lazy(f"[{_SPACELESS}]|[^\\s{_SPACELESS}]+")
_ANY_SPACELESS = lazy(f"[{_SPACELESS}]")
_LONG_WORD = 4
"""Letters that one word of a script without spaces may have."""


class RenameVerdict(StrEnum):
    """What a new file is to a post whose file vanished."""

    RENAMED = "renamed"
    DOUBTFUL = "doubtful"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ShingledText:
    """A body as words, in order, and as the set of its shingles."""

    words: tuple[str, ...]
    shingles: frozenset[tuple[str, ...]]


def shingled_text(body: str) -> ShingledText:
    """Words by white space, whatever their case. Chinese, Japanese, Thai, Lao, Khmer and Burmese do not
    write spaces: each of their letters is a word.
    """
    folded = unicodedata.normalize("NFC", body).casefold()
    words = _WORD.findall(folded) if _ANY_SPACELESS.search(folded) else folded.split()
    if len(words) < SHINGLE_WORDS:
        return ShingledText(tuple(words), frozenset([tuple(words)] if words else ()))
    return ShingledText(
        tuple(words), frozenset(zip(*(words[n:] for n in range(SHINGLE_WORDS)), strict=False))
    )


def shingle_overlap(one: ShingledText, other: ShingledText) -> float:
    """How much of the larger of the two is in both: from 0 to 1."""
    larger = max(len(one.shingles), len(other.shingles))
    return len(one.shingles & other.shingles) / larger if larger else 0.0


def may_share_template(one: ShingledText, other: ShingledText) -> bool:
    """Whether two bodies may be of one template: they share half of their shingles, or are long and differ in
    one word. A long refrain has hardly any shingles, and one word changes most of them.
    """
    if shingle_overlap(one, other) >= DOUBTFUL_SHARE:
        return True
    return min(len(one.words), len(other.words)) >= MIN_WORDS and _one_word_changed(one.words, other.words)


def rename_candidates(
    vanished: Iterable[PublishedPost], new: Iterable[Post]
) -> Iterator[tuple[PublishedPost, Post]]:
    """The pairs that may be one post: of one day (in UTC), or with equal bodies."""
    near: defaultdict[date | str, dict[str, PublishedPost]] = defaultdict(dict)
    for k in vanished:
        if k.post.instant is not None:
            near[k.post.instant.date()][k.id] = k
        near[k.post.body_hash][k.id] = k
    for post in new:
        days = near.get(post.instant.date(), {}) if post.instant is not None else {}
        hits = list((near.get(post.body_hash, {}) | days).values())
        yield from ((k, post) for k in hits[:MAX_COMPARED])


def rename_verdict(
    old: Post, new: Post, texts: tuple[ShingledText, ShingledText], *, crowded: bool
) -> RenameVerdict:
    """What `new` is to `old`, which vanished, by the texts of their bodies. `crowded`: a third post is
    `like_a_series` with the new one, so all of them may be.
    """
    was, now = texts
    equal = old.body_hash == new.body_hash
    shared = 1.0 if equal else shingle_overlap(was, now)
    long = min(len(was.words), len(now.words)) >= MIN_WORDS
    alike = equal or (long and (shared >= SAME_SHARE or _one_word_changed(was.words, now.words)))
    if old.instant is None or new.instant is None or old.instant.date() != new.instant.date():
        return RenameVerdict.DOUBTFUL if equal and not crowded else RenameVerdict.OTHER
    if alike and not crowded and (equal or old.instant == new.instant):
        return RenameVerdict.RENAMED
    same_instant = old.instant == new.instant
    doubtful = alike or shared >= DOUBTFUL_SHARE if same_instant else equal or (alike and not crowded)
    return RenameVerdict.DOUBTFUL if doubtful else RenameVerdict.OTHER


def _one_word_changed(was: Sequence[str], now: Sequence[str]) -> bool:
    """Whether they differ in one place, by one word at most: it breaks five shingles, more than a tenth of a
    short body's."""
    if abs(len(was) - len(now)) > _LONG_WORD:
        return False
    ahead = _common(was, now)
    behind = _common(was[ahead:][::-1], now[ahead:][::-1])
    middles = [words[ahead : len(words) - behind] for words in (was, now)]
    return all(
        len(middle) <= (_LONG_WORD if all(map(_ANY_SPACELESS.match, middle)) else 1) for middle in middles
    )


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
