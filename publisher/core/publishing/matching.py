"""Which known post a file is. In order: explicit id, known path, the author's answer, alias, rename rule;
otherwise it is new.

Each rule looks only at known posts that no earlier rule has matched. Public files come first, so that a draft
copied from a post never takes its place.

The rename rule compares bodies by their shingles, the runs of five words that they share. A post that was
renamed, got a new title and a corrected word keeps almost all of its shingles. Two posts made from one
template may share as many, so the verdict also depends on when each was published and on whether a third post
is like them.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import takewhile
from pathlib import PurePosixPath

from publisher.core.caching import lazy
from publisher.core.posts.post import Post, body_hash
from publisher.core.publishing.log import IdRules, PublishedPost, mint
from publisher.core.publishing.plan import NO_ANSWERS, HeldFileAnswers

SHINGLE_WORDS = 5
"""Words in a row."""

MIN_WORDS = 40
"""With fewer words a body is too short to identify a post."""

SAME_SHARE, DOUBTFUL_SHARE = 0.9, 0.5
"""The share of the larger body's shingles that makes two bodies one post, and the share that makes it
possible.
"""

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
"""The most letters of one word in a script without spaces."""

_BLANK = frozenset(body_hash(text) for text in ("", "\n", "\n\n"))
"""Bodies of link posts, which do not identify a post."""

_Rule = Callable[[Post], PublishedPost | None]


class RenameVerdict(StrEnum):
    """Whether a new file is a post whose file vanished."""

    RENAMED = "renamed"
    DOUBTFUL = "doubtful"
    OTHER = "other"


Verdicts = Mapping[tuple[str, str], RenameVerdict]
"""Results of comparing bodies, by the id of a known post and the path of a file."""

NO_VERDICTS: Verdicts = {}


@dataclass(slots=True, kw_only=True)
class Matches:
    """For every post of a scan, by path: the known post that it is (`of`), those it may be (`unsure`), or the
    id that it claims but cannot have, with all paths that claim it (`refused`). `free` are the known posts
    that no file claims, by id. `unreadable` are the paths of bad files.
    """

    unreadable: frozenset[str]
    free: dict[str, PublishedPost]
    of: dict[str, PublishedPost] = field(default_factory=dict[str, PublishedPost])
    unsure: dict[str, tuple[PublishedPost, ...]] = field(default_factory=dict[str, tuple[PublishedPost, ...]])
    refused: dict[str, tuple[str, tuple[str, ...]]] = field(
        default_factory=dict[str, tuple[str, tuple[str, ...]]]
    )

    def take(self, posts: Iterable[Post], rule: _Rule) -> None:
        """Matches the posts that have no match yet by `rule`. If several claim one known post, the file at
        its known path gets it, even if that is a bad file; the others are refused.
        """
        claims: defaultdict[str, list[str]] = defaultdict(list)
        for post in posts:
            if not self.knows(post):
                hit = rule(post)
                if hit is not None and hit.id in self.free:
                    claims[hit.id].append(post.path)
        for id, paths in claims.items():
            hit = self.free.pop(id)
            home = hit.post.path
            rivals = (*paths, home) if is_unreadable(home, self.unreadable) else tuple(paths)
            for path in paths:
                if path == home or len(rivals) == 1:
                    self.of[path] = hit
                else:
                    self.refused[path] = (id, rivals)

    def knows(self, post: Post) -> bool:
        """Whether `post` is matched, or refused."""
        return post.path in self.of or post.path in self.refused

    def is_away(self, k: PublishedPost) -> bool:
        """Whether the file of `k` is gone: neither a bad file nor a refused one is in its place."""
        return k.post.path not in self.refused and not is_unreadable(k.post.path, self.unreadable)


def match_posts(
    visible: Sequence[Post],
    waiting: Sequence[Post],
    known: Iterable[PublishedPost],
    unreadable: frozenset[str],
    naming: IdRules,
    verdicts: Verdicts = NO_VERDICTS,
    answers: HeldFileAnswers = NO_ANSWERS,
) -> Matches:
    """Pairs posts with known ones: first those that are public now (`visible`), then the others (`waiting`).
    `unreadable` are the paths of bad files: posts known under these have not moved. `verdicts` are the
    results of comparing bodies.
    """
    found = Matches(unreadable=unreadable, free={k.id: k for k in known})
    sure = _Index(found.free.values(), naming)
    for posts in (visible, waiting):
        found.take(posts, sure.by_id)
        found.take(posts, sure.by_path)
    moved = _Index(filter(found.is_away, found.free.values()), naming)
    for posts in (visible, waiting):
        found.take(posts, lambda post: moved.at(answers.renamed.get(post.path)))
    visible, waiting = (
        [post for post in posts if post.path not in answers.new] for posts in (visible, waiting)
    )
    for posts in (visible, waiting):
        found.take(posts, moved.by_alias)
    strays = [k for k in moved.known if k.id in found.free]
    found.unsure = _renames(visible, strays, found, verdicts)
    claimed = {k.id for hits in found.unsure.values() for k in hits}
    _renames(waiting, [k for k in strays if k.id in found.free and k.id not in claimed], found, verdicts)
    return found


def is_unreadable(path: str, unreadable: frozenset[str]) -> bool:
    """Whether there is a bad file at `path`, or a folder above it cannot be read."""
    if not unreadable:
        return False
    return path in unreadable or any(str(folder) in unreadable for folder in PurePosixPath(path).parents)


class _Index:
    """Known posts by what identifies them. If two share it, the live one counts, then the newer."""

    def __init__(self, known: Iterable[PublishedPost], naming: IdRules) -> None:
        self.known = sorted(known, key=lambda k: (k.live, k.first_seq))
        self._naming = naming
        self._ids = {k.id: k for k in self.known}
        self._explicit = {k.post.explicit_id: k for k in self.known if k.post.explicit_id}
        self._paths = {k.post.path: k for k in self.known}
        self._links = {k.post.permalink: k for k in self.known}

    def by_id(self, post: Post) -> PublishedPost | None:
        if not post.explicit_id:
            return None
        return self._explicit.get(post.explicit_id) or self._ids.get(mint(post, self._naming))

    def by_path(self, post: Post) -> PublishedPost | None:
        return self.at(post.path)

    def at(self, path: str | None) -> PublishedPost | None:
        return self._paths.get(path) if path is not None else None

    def by_alias(self, post: Post) -> PublishedPost | None:
        return next((self._links[alias] for alias in post.aliases if alias in self._links), None)


def _renames(
    posts: Iterable[Post], strays: Sequence[PublishedPost], found: Matches, verdicts: Verdicts
) -> dict[str, tuple[PublishedPost, ...]]:
    """Matches vanished posts with new files: when they have the same instant and the same title or slug, when
    exactly one of each has a body, or when their bodies are nearly the same (`rename_verdict`). Returns the
    candidates of every file for which that is less certain; nothing is guessed.
    """
    if not strays:
        return {}
    vanished = _VanishedPosts(strays, verdicts)
    options = {post.path: vanished.most_like(post) for post in posts if not found.knows(post)}
    claims = Counter(hit.id for hits in options.values() for hit in hits)
    sure = {
        path: hits[0]
        for path, hits in options.items()
        if len(hits) == 1
        and claims[hits[0].id] == 1
        and verdicts.get((hits[0].id, path)) is not RenameVerdict.DOUBTFUL
    }
    found.take([post for post in posts if post.path in sure], lambda post: sure[post.path])
    return {path: hits for path, hits in options.items() if hits and path not in sure}


class _VanishedPosts:
    """Known posts without a file, by what a renamed file keeps."""

    def __init__(self, strays: Iterable[PublishedPost], verdicts: Verdicts) -> None:
        self._by_feature: defaultdict[datetime | str | None, list[PublishedPost]] = defaultdict(list)
        self._compared: defaultdict[str, list[PublishedPost]] = defaultdict(list)
        self._verdicts = verdicts
        by_id = {k.id: k for k in strays}
        for k in by_id.values():
            self._by_feature[k.post.instant].append(k)
            self._by_feature[k.post.body_hash].append(k)
        for id, path in verdicts:
            if id in by_id:
                self._compared[path].append(by_id[id])

    def most_like(self, post: Post) -> tuple[PublishedPost, ...]:
        """The vanished posts most like `post`; empty if none is like it at all."""
        near = {k.id: k for key in (post.instant, post.body_hash) for k in self._by_feature.get(key, ())}
        near |= {k.id: k for k in self._compared.get(post.path, ())}
        scores: dict[str, int] = {}
        for id, k in near.items():
            scores[id] = _likeness(post, k.post)
            verdict = self._verdicts.get((id, post.path))
            if verdict is not None and scores[id] <= 1:
                scores[id] = 0 if verdict is RenameVerdict.OTHER else 1
        top = max(scores.values(), default=0)
        return tuple(near[id] for id, score in scores.items() if 0 < score == top)


def _likeness(post: Post, other: Post) -> int:
    same_body = post.body_hash == other.body_hash and post.body_hash not in _BLANK
    names = (post.title == other.title != "") + (post.slug == other.slug)
    same_moment = post.instant is not None and post.instant == other.instant
    return 2 + names + same_body if same_moment and names else int(same_body)


def matched_by_body_alone(post: Post, other: Post) -> bool:
    """Whether only the body suggests that the two are one post: title and slug differ, or the instant
    does.
    """
    return _likeness(post, other) == 1 and post.title != other.title and post.slug != other.slug


def has_comparable_body(post: Post) -> bool:
    """Whether the post has a body worth comparing."""
    return post.body_hash not in _BLANK


@dataclass(frozen=True, slots=True)
class ShingledText:
    """A body as its words in order, and as the set of its shingles."""

    words: tuple[str, ...]
    shingles: frozenset[tuple[str, ...]]


def shingled_text(body: str) -> ShingledText:
    """The words of a body, ignoring case. Chinese, Japanese, Thai, Lao, Khmer and Burmese are written without
    spaces, so each of their letters counts as a word.
    """
    folded = unicodedata.normalize("NFC", body).casefold()
    words = _WORD.findall(folded) if _ANY_SPACELESS.search(folded) else folded.split()
    if len(words) < SHINGLE_WORDS:
        return ShingledText(tuple(words), frozenset([tuple(words)] if words else ()))
    return ShingledText(
        tuple(words), frozenset(zip(*(words[n:] for n in range(SHINGLE_WORDS)), strict=False))
    )


def shingle_overlap(one: ShingledText, other: ShingledText) -> float:
    """The share of the larger text's shingles that both have, from 0 to 1."""
    larger = max(len(one.shingles), len(other.shingles))
    return len(one.shingles & other.shingles) / larger if larger else 0.0


def may_share_template(one: ShingledText, other: ShingledText) -> bool:
    """Whether two bodies may come from one template: they share half of their shingles, or are long and
    differ in one word. (A repetitive text has few shingles, and one word changes most of them.)
    """
    if shingle_overlap(one, other) >= DOUBTFUL_SHARE:
        return True
    return min(len(one.words), len(other.words)) >= MIN_WORDS and _one_word_changed(one.words, other.words)


def rename_candidates(
    vanished: Iterable[PublishedPost], new: Iterable[Post]
) -> Iterator[tuple[PublishedPost, Post]]:
    """The pairs that may be one post: those of the same day (UTC) or with equal bodies."""
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
    """Whether `new` is `old`, which vanished, judged by the texts of their bodies. `crowded`: a third post
    may share a template with the new one, so that all of them may.
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
    """Whether they differ in only one place, by at most one word. One word changes five shingles, which is
    more than a tenth of a short body's.
    """
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
