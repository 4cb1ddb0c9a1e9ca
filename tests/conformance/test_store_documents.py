"""Documents and problems, over every store."""

from datetime import UTC, datetime, timedelta
from typing import Any

from publisher.core.feeds.documents import Document, FeedVersion

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)


def _document(path: str, size: int = 10) -> Document:
    return Document(path=path, fingerprint="f", hash="0" * 64, size=size, modified=NOW)


def test_documents_come_back_by_path(store: Any) -> None:
    store.save_documents([_document("feed.xml"), _document("feed.atom")], [])
    assert store.documents() == {path: _document(path) for path in ("feed.atom", "feed.xml")}


def test_saving_replaces_and_forgets_in_one_step(store: Any) -> None:
    store.save_documents([_document("a"), _document("b")], [])
    store.save_documents([_document("a", size=11)], ["b", "never there"])
    assert store.documents() == {"a": _document("a", size=11)}


def _version(n: int, path: str = "feed.atom") -> FeedVersion:
    return FeedVersion(
        path=path, hash=f"{n:064x}", modified=NOW + timedelta(seconds=n), marks=(f"a{n}", f"b{n}")
    )


def test_what_feeds_held_is_told_the_newest_first(store: Any) -> None:
    store.save_documents([_document("feed.atom")], [], versions=[_version(1)])
    store.save_documents([_document("feed.atom")], [], versions=[_version(2), _version(3, "feed.xml")])
    assert list(store.feed_versions("feed.atom").items()) == [
        (f"{2:064x}", ("a2", "b2")),
        (f"{1:064x}", ("a1", "b1")),
    ]
    assert store.feed_versions("none") == {}


def test_what_a_feed_held_long_ago_is_forgotten_and_all_of_one_that_went(store: Any) -> None:
    other = _version(1, "feed.xml")
    store.save_documents([_document("feed.xml")], [], versions=[other])
    for n in range(1, 60):
        store.save_documents([_document("feed.atom")], [], versions=[_version(n)])
    assert list(store.feed_versions("feed.atom")) == [f"{n:064x}" for n in range(59, 9, -1)]
    assert list(store.feed_versions("feed.xml")) == [other.hash]
    store.save_documents([], ["feed.atom"])
    assert store.feed_versions("feed.atom") == {}
    assert list(store.feed_versions("feed.xml")) == [other.hash]


def test_saving_nothing_changes_nothing(store: Any) -> None:
    store.save_documents([_document("a")], [])
    store.save_documents([], [])
    assert list(store.documents()) == ["a"]


def test_problems_are_replaced_by_area_and_keep_when_they_were_first_seen(store: Any) -> None:
    later = NOW + timedelta(hours=1)
    store.set_problems("posts", ["a.md: broken", "b.md: broken"], NOW)
    store.set_problems("mail", ["no server"], NOW + timedelta(minutes=1))
    store.set_problems("posts", ["c.md: broken", "b.md: broken", "b.md: broken"], later)
    assert store.problems() == [
        ("posts", NOW, "b.md: broken"),
        ("mail", NOW + timedelta(minutes=1), "no server"),
        ("posts", later, "c.md: broken"),
    ]


def test_an_empty_sequence_clears_an_area(store: Any) -> None:
    store.set_problems("posts", ["a"], NOW)
    store.set_problems("posts", [], NOW)
    assert store.problems() == []


def test_a_problem_with_letters_no_database_takes_is_still_told(store: Any) -> None:
    store.set_problems("posts", ["caf\udce9.md: a \0 in it"], NOW)
    assert store.problems() == [("posts", NOW, "caf?.md: a \ufffd in it")]
