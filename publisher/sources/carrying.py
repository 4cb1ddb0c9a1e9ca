"""Readings and listings from one process to another: as flat tuples and as columns, which travel twice as
quickly as frozen values.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeAlias

from publisher.core.posts.post import BadPost, FileStat, Parsed, Post, Reading
from publisher.core.site import Person
from publisher.sources.walk import Found, size_and_time

Flat: TypeAlias = "Reading | tuple[Any, ...]"
"""A reading as `flat` makes it: only what is a post is worth the work."""

Columns: TypeAlias = tuple[list[str], list[int], list[int], list[BadPost]]
"""Files as `apart` makes them: their paths, sizes and times; then what cannot be read."""

_POST = tuple(field.name for field in fields(Post) if field.name != "authors")
_PERSON = tuple(field.name for field in fields(Person))
_PUT = tuple(getattr(Post, name).__set__ for name in _POST)
_PUT_AUTHORS = vars(Post)["authors"].__set__
_post, _person = attrgetter(*_POST), attrgetter(*_PERSON)


def flat(reading: Reading) -> Flat:
    """What `whole` makes the reading of again."""
    result = reading.result
    if not isinstance(result, Parsed):
        return reading
    authors = tuple(map(_person, result.post.authors))
    inner = (result.body, result.line, result.container, result.title, result.shifts)
    return tuple(reading.stat), reading.hash, reading.alone, _post(result.post), authors, inner


def whole(carried: Flat) -> Reading:
    """The reading that `flat` was given."""
    if isinstance(carried, Reading):
        return carried
    stat, hash, alone, values, authors, (body, line, container, title, shifts) = carried
    people = tuple(map(_whole_person, authors))
    post = object.__new__(Post)  # as unpickling makes it: __init__ takes three times as long
    for put, value in zip(_PUT, values, strict=True):
        put(post, value)
    _PUT_AUTHORS(post, people)
    parsed = Parsed(post=post, body=body, line=line, container=container, title=title, shifts=shifts)
    return Reading(stat=FileStat(*stat), hash=hash, result=parsed, alone=alone)


@lru_cache(maxsize=1024)  # few people write many posts
def _whole_person(author: tuple[Any, ...]) -> Person:
    return Person(**dict(zip(_PERSON, author, strict=True)))


def apart(found: Iterable[Found]) -> Columns:
    """What `together` makes the stats of again, in one pass: of 100,000 files they take half a second."""
    paths, sizes, times = list[str](), list[int](), list[int]()
    wrong: list[BadPost] = []
    for path, bad, entry in found:
        if bad is not None:
            wrong.append(bad)
            continue
        size, time = size_and_time(entry)
        paths.append(path)
        sizes.append(size)
        times.append(time)
    return paths, sizes, times, wrong


def together(columns: Columns) -> Iterator[FileStat | BadPost]:
    """What was found, as it stands (`walking.stat_of`), in another order."""
    paths, sizes, times, bad = columns
    yield from map(FileStat, paths, sizes, times)
    yield from bad
