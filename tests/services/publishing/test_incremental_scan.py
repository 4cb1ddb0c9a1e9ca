"""Settled pairs: whatever happens to a folder, the plan without them is the plan on everything."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from properties import examples
from stores import new_store

from publisher.core.errors import Refused
from publisher.core.posts.post import BadPost, FileReading, FileStat, ParsedPost, Post, body_hash
from publisher.core.publishing.incremental import IndexUpdate, PostKeys, with_published_dates
from publisher.core.publishing.log import IdRules, LogKind
from publisher.core.publishing.plan import Plan, PlanRules
from publisher.core.publishing.planner import make_plan
from publisher.ports import Store
from publisher.services.deps import Deps
from publisher.services.publishing.folder_snapshot import (
    COMPARED_FILES,
    FolderSnapshot,
    SnapshotCache,
)
from publisher.services.publishing.post_ids import rename_verdicts
from publisher.services.publishing.preflight import log_stays_ahead
from publisher.services.publishing.publish import update_log
from publisher.services.publishing.scan import ScanResult, readings_of, scan_folder

START = datetime(2024, 10, 25, 9, 0, tzinfo=UTC)
AUTHORITY = "example.org,2024"
RULES = PlanRules(naming=IdRules(authority=AUTHORITY), max_age=timedelta(days=30))


DIALECTS = [timedelta(minutes=minutes) for minutes in (0, 0, 15, -15)]
"""How much later than it says a version reads the date of a file."""


@dataclass
class Folder:
    """A source that counts what is read of it. A file is its post; what is written has a new stamp."""

    files_now: dict[str, Post | BadPost] = field(default_factory=dict[str, Post | BadPost])
    stamps: dict[str, int] = field(default_factory=dict[str, int])
    rules: int = 0
    version: str = "00"
    shift: timedelta = timedelta()
    ticks: int = 0
    read: list[str] = field(default_factory=list[str])
    listed: int = 0
    changed: set[str] = field(default_factory=set[str])
    alone: set[str] = field(default_factory=set[str])
    bare: set[str] = field(default_factory=set[str])

    def write(self, path: str, value: Post | BadPost | None) -> None:
        if value is None:
            self.files_now.pop(path, None)
        else:
            self.files_now[path] = value
        self.touch(path)

    def touch(self, path: str) -> None:
        self.ticks += 1
        self.stamps[path] = self.ticks
        self.changed.add(path)

    def as_read(self, value: Post | BadPost) -> Post | BadPost:
        """What this version makes of a file: each reads titles differently, and some read dates so."""
        if isinstance(value, BadPost) or self.version == "00":
            return value
        shown = replace(value, hidden=None) if value.path in self.bare else value
        late = DIALECTS[int(self.version) % len(DIALECTS)] + self.shift
        instant = value.instant + late if value.instant else None
        return replace(shown, title=f"{value.title}, version {self.version}", instant=instant)

    def fingerprint(self, paths: Sequence[str]) -> str:
        return f"{self.rules:016x}{self.version}"

    def files(self) -> Iterator[FileStat | BadPost]:
        self.listed += 1
        return self._listed(self.files_now)

    def at(self, paths: Collection[str]) -> tuple[Collection[str], Iterator[FileStat | BadPost]]:
        odd = {path for path, value in self.files_now.items() if value == _unreadable(path)}
        places = {*paths, *odd}
        return places, self._listed(path for path in places if path in self.files_now)

    def _listed(self, paths: Iterable[str]) -> Iterator[FileStat | BadPost]:
        for path in sorted(paths, reverse=True):
            bad = _unreadable(path)
            yield bad if self.files_now[path] == bad else FileStat(path, 1, self.stamps[path])

    def hashes(self, paths: Sequence[str]) -> Mapping[str, str]:
        return {path: body_hash(repr(self.files_now[path])) for path in paths}

    def read_many(self, paths: Sequence[str], hashes: Mapping[str, str]) -> Iterator[FileReading]:
        for path in paths:
            value = self.files_now[path]
            name = body_hash(repr(value))
            self.read.append(path)
            post = self.as_read(value)
            result = ParsedPost(post=post, body=BODIES[post.body_hash]) if isinstance(post, Post) else post
            yield FileReading(
                stat=FileStat(path, 1, self.stamps[path]),
                hash=name,
                result=None if path not in self.alone and hashes.get(path) == name else result,
                alone=path not in self.alone,
            )


def _unreadable(path: str) -> BadPost:
    """What is bad before it is read."""
    return BadPost(path=path, reason="unreadable")


BODIES = {body_hash(text): text for text in ("", *(f"body {n}" for n in range(5)))}


class Died(Exception):
    """The process ended at a failpoint."""


@dataclass
class Site:
    """A folder and a store, looked at in every way at every publish: by a process that stays and is told
    what changed, by one that looks for the first time, and without leaving anything out.
    """

    store: Store
    folder: Folder = field(default_factory=Folder)
    now: datetime = START
    cache: SnapshotCache = field(default_factory=SnapshotCache)

    def deps(self, folder: Folder, crash: str = "") -> Deps:
        """As much of them as a scan uses."""

        def reach(name: str) -> None:
            if name == f"publish:{crash}":
                raise Died

        rules = SimpleNamespace(
            id_rules=RULES.naming, max_age=RULES.max_age, max_new=10_000, feeds=(), post_pages=False
        )
        adapters = SimpleNamespace(store=self.store, source=lambda: folder)
        process = SimpleNamespace(failpoint=reach, progress=lambda *_: None)
        return cast("Deps", SimpleNamespace(rules=rules, adapters=adapters, process=process))

    def whole(self) -> Plan:
        values = [self.folder.as_read(value) for value in self.folder.files_now.values()]
        posts = [value for value in values if isinstance(value, Post)]
        bad = [value for value in values if isinstance(value, BadPost)]
        authority, ahead = self.store.meta("id_authority"), log_stays_ahead(self.store, self.now)
        rules = replace(RULES, authority_before=authority, log_ahead=ahead)
        known = self.store.all_posts()
        hashes = {path: body_hash(repr(value)) for path, value in self.folder.files_now.items()}
        deps = self.deps(replace(self.folder, read=[]))
        readings = readings_of(deps.adapters, hashes)
        posts = [*with_published_dates(posts, known, readings, self.now).values()]
        made = make_plan(self.store.head(), known, posts, bad, self.now, rules, readings=readings)
        verdicts = rename_verdicts(deps.adapters, made, known, posts)
        return make_plan(
            self.store.head(), known, posts, bad, self.now, rules, readings=readings, verdicts=verdicts
        )

    def publish(self, *, crash: str = "") -> ScanResult:
        """By the process that stays; one that dies is followed by another."""
        changed, self.folder.changed = self.folder.changed, set()
        return self._publish(self.cache, changed, crash)

    def publish_elsewhere(self) -> ScanResult:
        """By another process, of which the one that stays is not told."""
        return self._publish(SnapshotCache(), None, "")

    def _publish(self, cache: SnapshotCache, changed: Collection[str] | None, crash: str) -> ScanResult:
        whole = self.whole()
        full = scan_folder(self.deps(replace(self.folder, read=[])), self.now)
        assert full.plan == whole, "what was left out matters"
        assert full.plan.hash == whole.hash
        try:
            done = update_log(self.deps(self.folder, crash), self.now, cache, changed)
        except Died:
            self.cache = SnapshotCache()
            return full
        except Refused:
            assert whole.stop
            return full
        assert done == full, "what happened was not noticed"
        return done


def a_post(path: str, **fields: Any) -> Post:
    values: dict[str, Any] = {
        "path": path,
        "title": "Title",
        "instant": START - timedelta(days=1),
        "permalink": f"/{path}/",
        "url": f"https://example.org/{path}/",
        "base_url": f"https://example.org/{path}/",
        "slug": path[0],
        "language": "en",
        "body_hash": body_hash("body 0"),
    }
    return Post(**(values | fields))


few = st.integers(0, 2)
anything = st.builds(
    lambda title, body, link, minutes, code, alias, hidden, expires: {
        "title": f"Title {title}",
        "body_hash": body_hash(f"body {body}" if body else ""),
        "permalink": f"/{link}/" if link else "/1.md",
        "instant": START + timedelta(minutes=minutes),
        "explicit_id": code,
        "aliases": alias,
        "hidden": hidden,
        "expires": expires and START + timedelta(minutes=expires),
    },
    few,
    st.integers(0, 4),
    st.integers(0, 6),
    st.sampled_from((-60, -30, -10, 20)),
    st.sampled_from((None, None, None, "7", "/0/", "/1.md")),
    st.sampled_from(((), (), ("/1/",), ("/1.md", "/2/"))),
    st.sampled_from((None, None, None, "draft")),
    st.sampled_from((None, None, None, 15)),
)
paths = st.sampled_from([f"{n}.md" for n in range(7)])
write = st.tuples(st.just("write"), paths, anything)
publish = st.tuples(
    st.just("publish"),
    st.sampled_from((0, 1, 6, 11, -20, -45, 3000)),
    st.sampled_from(("", "", "", "applied", "planned", "remembered", "elsewhere")),
)
steps = st.lists(
    write
    | write
    | write
    | st.tuples(st.just("delete"), paths)
    | st.tuples(st.just("move"), paths, paths)
    | st.tuples(st.just("break"), paths, st.sampled_from(("broken", "unreadable")))
    | st.tuples(st.just("touch"), paths)
    | st.tuples(st.just("rules"))
    | st.tuples(st.just("upgrade"))
    | publish
    | publish
    | publish,
    max_size=40,
)


def step(site: Site, kind: str, *values: Any) -> None:
    folder = site.folder
    match kind, *values:
        case "write", path, fields:
            folder.write(path, a_post(path, **fields))
        case "delete", path:
            folder.write(path, None)
        case "move", path, to:
            value = folder.files_now.get(path)
            if isinstance(value, Post):
                folder.write(path, None)
                folder.write(to, replace(value, path=to))
        case "break", path, reason:
            folder.write(path, BadPost(path=path, reason=reason))
        case "touch", path:
            folder.touch(path)
        case "rules", *_:
            folder.rules += 1
        case "upgrade", *_:
            folder.version = f"{int(folder.version) + 1:02}"
        case "publish", minutes, crash:
            site.now += timedelta(minutes=minutes)
            if crash == "elsewhere":
                site.publish_elsewhere()
            else:
                site.publish(crash=crash)


@settings(max_examples=examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_a_plan_without_what_is_settled_is_the_plan_on_everything(
    tmp_path_factory: pytest.TempPathFactory, history: Sequence[tuple[Any, ...]]
) -> None:
    store = new_store(tmp_path_factory.mktemp("site") / "publisher.db")
    site = Site(store)
    for n in range(7):
        site.folder.write(
            f"{n}.md", a_post(f"{n}.md", title=f"Title {n}", instant=START - timedelta(days=2, minutes=n))
        )
    site.publish()
    for kind, *values in history:
        step(site, kind, *values)
    site.publish()
    site.publish()
    store.close()


def test_a_post_that_kept_its_date_has_that_of_its_file_again_once_a_clock_set_back_withdrew_it(
    tmp_path: Path,
) -> None:
    store = new_store(tmp_path / "publisher.db")
    site = Site(store)
    for version in ("01", "02"):  # the second reads a date a quarter of an hour later
        site.folder.version = version
        site.folder.write("a.md", a_post("a.md", instant=START - timedelta(minutes=30)))
        site.publish()
    [known] = store.all_posts()
    assert (known.live, known.post.dated) == (True, START - timedelta(minutes=15))
    site.now = START - timedelta(minutes=40)
    site.publish()
    site.publish()
    [known] = store.all_posts()
    assert (known.live, known.post.instant) == (False, START - timedelta(minutes=15))
    store.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    store = new_store(tmp_path / "publisher.db")
    yield Site(store)
    store.close()


def lived_in(site: Site, **posts: dict[str, Any]) -> Site:
    """A site that published these twice: whatever can be settled is."""
    for name, fields in posts.items():
        site.folder.write(f"{name}.md", a_post(f"{name}.md", **{"title": name, **fields}))
    site.publish()
    site.publish()
    site.folder.read.clear()
    return site


def looked_at(site: Site) -> set[str]:
    """The files and posts of the log that a plan looks at now, by path."""
    files, known = site.store.posts_to_plan(site.now)
    return {post.path for post, *_ in files} | {k.post.path for k in known}


def test_what_did_not_change_is_neither_read_nor_looked_at(site: Site) -> None:
    lived_in(
        site, a={}, b={"explicit_id": "7"}, c={"expires": START + timedelta(days=9)}, d={"hidden": "draft"}
    )
    gathered = site.publish()
    assert gathered.plan.nothing
    assert gathered.index_after.nothing
    assert site.folder.read == []
    assert looked_at(site) == {"c.md", "d.md"}


def test_a_touched_file_is_read_once_and_changes_nothing(site: Site) -> None:
    lived_in(site, a={}, b={})
    site.folder.touch("a.md")
    assert site.publish().plan.nothing
    assert site.publish().plan.nothing
    assert site.folder.read == ["a.md"]


def test_an_edit_that_keeps_size_and_time_is_found_by_content_a_few_files_at_a_time(site: Site) -> None:
    names = [f"{number:03}.md" for number in range(COMPARED_FILES + 3)]
    for name in names:
        site.folder.write(name, a_post(name))
    site.publish()
    site.folder.files_now[names[-1]] = a_post(names[-1], title="Silently edited")
    site.cache = SnapshotCache()
    for found in (False, True, False):  # the first few, the rest, and from the beginning again
        site.folder.read.clear()
        done = update_log(site.deps(site.folder), site.now, site.cache, None)
        assert [change.post.title for change in done.plan.changes] == ["Silently edited"] * found
        assert site.folder.read == [names[-1]] * found


def test_other_rules_read_every_file_again(site: Site) -> None:
    lived_in(site, a={}, b={})
    site.folder.rules += 1
    site.publish()
    assert site.folder.read == ["a.md", "b.md"]


def test_a_bad_file_is_read_until_it_is_mended_and_its_last_version_stays(site: Site) -> None:
    lived_in(site, a={}, b={})
    site.folder.write("a.md", BadPost(path="a.md", reason="broken"))
    for _ in range(2):
        plan = site.publish().plan
        assert (plan.changes, [bad.path for bad in plan.bad]) == ((), ["a.md"])
    assert site.folder.read == ["a.md", "a.md"]
    site.folder.write("a.md", a_post("a.md", title="a"))
    assert site.publish().plan.nothing


def test_a_post_goes_public_when_its_time_comes_without_being_read_again(site: Site) -> None:
    lived_in(site, a={}, b={"instant": START + timedelta(hours=1)})
    site.now += timedelta(hours=2)
    (change,) = site.publish().plan.changes
    assert (change.post.path, site.folder.read) == ("b.md", [])
    body = site.store.bodies([change.post.body_hash])
    assert body == {change.post.body_hash: "body 0"}


def test_a_clock_that_goes_back_a_little_withdraws_nothing(site: Site) -> None:
    lived_in(site, a={"instant": START - timedelta(minutes=1)}, b={"instant": START - timedelta(days=3)})
    site.now = START - timedelta(minutes=2)
    assert looked_at(site) == {"a.md"}
    assert site.publish().plan.changes == ()


def test_a_post_whose_author_moves_it_into_the_future_is_withdrawn(site: Site) -> None:
    lived_in(site, a={}, b={"instant": START - timedelta(days=3)})
    site.folder.write("a.md", a_post("a.md", title="a", instant=START + timedelta(days=1)))
    (change,) = site.publish().plan.changes
    assert (change.kind, change.post.path) == (LogKind.WITHDRAWN, "a.md")


def test_a_version_that_reads_the_same_bytes_differently_updates_nothing(site: Site) -> None:
    lived_in(site, a={}, b={"hidden": "draft"})
    [before] = site.store.all_posts()
    site.folder.version = "01"
    plan = site.publish().plan
    assert (plan.changes, plan.read_anew) == ((), (before.id,))
    [after] = site.store.all_posts()
    assert (after.post.title, after.updated_at) == ("a, version 01", before.updated_at)
    assert site.store.post_versions([(before.id, before.revision), (after.id, after.revision)]) == [
        replace(after, post=before.post, stored_as=before.revision),
        after,
    ]
    assert site.publish().plan.nothing


def test_an_upgrade_moves_no_date_until_the_file_is_edited(site: Site) -> None:
    lived_in(site, a={}, b={"instant": START - timedelta(days=3)})
    [before] = [k for k in site.store.all_posts() if k.post.path == "a.md"]
    assert before.post.instant is not None
    in_file = before.post.instant + timedelta(minutes=15)
    site.folder.version = "02"
    plan = site.publish().plan
    kept = {post.path: (post.instant, post.dated) for post in plan.kept_dates}
    assert kept.keys() == {"a.md", "b.md"}
    assert kept["a.md"] == (before.post.instant, in_file)
    for deed in ("", "touch", "rules", "upgrade"):
        match deed:
            case "rules":
                site.folder.rules += 1
            case "upgrade":
                site.folder.version = "06"
                site.publish()
            case "touch":
                site.folder.touch("a.md")
            case _:
                assert looked_at(site) == set()
        assert site.publish().plan.nothing, deed
        [after] = site.store.posts_matching(PostKeys(ids=frozenset({before.id})))
        assert (after.post.instant, after.updated_at) == (before.post.instant, before.updated_at), deed
    site.folder.write("a.md", a_post("a.md", title="a", slug="other"))
    plan = site.publish().plan
    assert (plan.changes, plan.kept_dates) == ((), ())
    [after] = site.store.posts_matching(PostKeys(ids=frozenset({before.id})))
    assert (after.post.instant, after.post.dated) == (in_file, None)


def test_a_setting_that_changes_dates_changes_them_after_an_upgrade_too(site: Site) -> None:
    lived_in(site, a={})
    site.folder.version = "02"
    site.publish()
    site.folder.rules += 1
    site.folder.shift = timedelta(hours=-7)
    (id, post), *_ = site.publish().plan.touched
    assert post.instant == START - timedelta(days=1, hours=7) + timedelta(minutes=15)
    assert post.dated is None
    site.folder.rules += 1
    site.folder.shift = timedelta(days=7)
    site.publish()
    assert site.publish().plan.nothing
    assert [k.post.instant for k in site.store.all_posts()] == [post.instant], f"{id} is out already"


def test_an_edit_is_one_whatever_version_reads_it(site: Site) -> None:
    lived_in(site, a={})
    site.folder.version = "01"
    site.folder.write("a.md", a_post("a.md", title="edited"))
    (change,) = site.publish().plan.changes
    assert (change.kind, change.post.title) == (LogKind.UPDATED, "edited, version 01")


def test_a_file_that_the_version_before_hid_is_no_new_post(site: Site) -> None:
    lived_in(site, a={}, b={"hidden": "draft"})
    site.folder.bare = {"b.md"}
    site.folder.version = "01"
    (change,) = site.publish().plan.changes
    assert (change.kind, change.post.path, change.backfill) == (LogKind.PUBLISHED, "b.md", True)


def test_a_post_that_was_waiting_is_new_after_an_upgrade_too(site: Site) -> None:
    lived_in(site, a={}, b={"instant": START + timedelta(hours=1)})
    site.now += timedelta(hours=2)
    site.folder.version = "01"
    (change,) = site.publish().plan.changes
    assert (change.post.path, change.backfill) == ("b.md", False)


def test_posts_that_share_a_name_are_looked_at_every_time(site: Site) -> None:
    """A draft of a post bears its id: when the post's file goes, the draft is that post."""
    lived_in(site, a={"explicit_id": "7"}, b={"explicit_id": "7", "hidden": "draft"}, c={})
    assert looked_at(site) == {"a.md", "b.md"}
    site.folder.write("a.md", None)
    (change,) = site.publish().plan.changes
    assert change.kind is LogKind.WITHDRAWN


def test_two_posts_that_stood_at_one_path_are_never_taken_for_each_other(site: Site) -> None:
    """A withdrawn post keeps the path it had; another one moved there."""
    lived_in(site, a={"explicit_id": "A"}, b={"explicit_id": "B"}, c={}, d={})
    site.folder.write("a.md", None)
    for _ in range(3):
        site.now += timedelta(minutes=11)
        site.publish()
    moved = site.folder.files_now["b.md"]
    assert isinstance(moved, Post)
    site.folder.write("b.md", None)
    site.folder.write("a.md", replace(moved, path="a.md"))
    site.publish()
    site.publish()
    assert "a.md" in looked_at(site)
    site.folder.write("new.md", a_post("new.md", title="a", explicit_id="A"))
    (change,) = site.publish().plan.changes
    assert (change.kind, change.post.path) == (LogKind.RESTORED, "new.md")


def test_a_file_that_other_files_decide_is_read_each_time(site: Site) -> None:
    """It has no hash: what it refers to may change while it does not."""
    lived_in(site, a={}, b={})
    site.folder.alone = {"a.md"}
    site.folder.touch("a.md")
    for _ in range(3):
        assert site.publish().plan.nothing
    assert site.folder.read == ["a.md"] * 3
    site.folder.write("a.md", None)
    assert len(site.publish().plan.missing) == 1


def test_a_draft_is_settled_once_no_known_post_is_like_it_and_opened_when_one_is(site: Site) -> None:
    lived_in(site, a={"explicit_id": "7"}, b={})
    site.folder.write("a.md", a_post("a.md", title="a", explicit_id="7", hidden="draft"))
    site.publish()
    assert site.publish().index_after.nothing
    assert "a.md" not in looked_at(site)
    site.folder.write("a.md", a_post("a.md", title="a", explicit_id="7"))
    assert [change.kind for change in site.publish().plan.changes] == [LogKind.RESTORED]
    assert "a.md" not in looked_at(site)


def test_a_settled_draft_waits_for_no_time(site: Site) -> None:
    """Whatever its date: it is not public before that day either."""
    lived_in(site, a={}, b={})
    later = START + timedelta(days=30)
    site.folder.write("a.md", a_post("a.md", title="a", hidden="draft", instant=later))
    assert [change.kind for change in site.publish().plan.changes] == [LogKind.WITHDRAWN]
    assert site.publish().index_after.nothing
    assert looked_at(site) == set()
    site.now += timedelta(days=60)
    assert site.publish().plan.nothing
    assert site.folder.read == ["a.md"]


def test_nothing_of_what_a_draft_says_is_kept(site: Site) -> None:
    lived_in(site, a={}, b={})
    site.folder.write("c.md", a_post("c.md", title="c", hidden="draft", body_hash=body_hash("body 3")))
    site.publish()
    assert site.folder.read == ["c.md"]
    assert site.store.bodies([body_hash("body 3")]) == {}
    site.folder.write("c.md", a_post("c.md", title="c", body_hash=body_hash("body 3")))
    site.publish()
    assert site.store.bodies([body_hash("body 3")]) == {body_hash("body 3"): "body 3"}


def test_a_file_whose_post_expires_is_left_alone_once_it_does_not(site: Site) -> None:
    lived_in(site, a={"expires": START + timedelta(days=9)}, b={})
    assert looked_at(site) == {"a.md"}
    site.folder.write("a.md", a_post("a.md", title="a"))
    site.publish()
    assert looked_at(site) == set()


def test_a_post_that_ceases_to_share_a_name_is_left_alone(site: Site) -> None:
    """Nothing was read of it: only its row says that it is settled now."""
    lived_in(site, a={"explicit_id": "7"}, b={"explicit_id": "7", "hidden": "draft"}, c={})
    assert looked_at(site) == {"a.md", "b.md"}
    site.folder.write("b.md", a_post("b.md", title="b", hidden="draft"))
    site.publish()
    assert looked_at(site) == {"b.md"}
    site.folder.write("b.md", a_post("b.md", title="b", explicit_id="7", hidden="draft"))
    site.publish()
    assert looked_at(site) == {"a.md", "b.md"}


def test_what_is_new_and_not_settled_is_looked_at_the_next_time(site: Site) -> None:
    lived_in(site, b={})
    site.folder.write("a.md", a_post("a.md", title="a", expires=START + timedelta(days=9)))
    site.publish()
    files, known = site.store.posts_to_plan(site.now)
    assert [post.path for post, *_ in files] == [k.post.path for k in known] == ["a.md"]


def test_a_bad_file_brings_in_the_post_that_it_was(site: Site) -> None:
    """Another file with that post's words does not become it, for the post has not moved; and one with its
    address waits, for the post still stands there.
    """
    lived_in(site, a={}, b={})
    site.folder.write("a.md", BadPost(path="a.md", reason="broken"))
    site.folder.write("new.md", a_post("new.md", title="a", explicit_id=None))
    site.folder.write("same.md", a_post("same.md", title="a", permalink="/a.md/", explicit_id=None))
    plan = site.publish().plan
    assert [(change.kind, change.post.path) for change in plan.changes] == [(LogKind.PUBLISHED, "new.md")]
    assert [bad.path for bad in plan.bad] == ["a.md", "same.md"]


def test_names_are_followed_from_post_to_post(site: Site) -> None:
    """A new file claims one post, whose file could be given the id of another."""
    lived_in(site, a={"explicit_id": "7", "permalink": "/c.md/"}, c={}, d={})
    assert looked_at(site) == set()
    site.folder.write("new.md", a_post("new.md", title="new", explicit_id="7"))
    site.publish()
    site.folder.write("a.md", a_post("a.md", title="a", permalink="/c.md/"))
    site.publish()
    site.folder.write("new.md", None)
    for _ in range(3):
        site.now += timedelta(minutes=11)
        site.publish()


def test_two_posts_that_are_all_there_are_stop_a_publish_when_both_are_missing(site: Site) -> None:
    lived_in(site, a={}, b={})
    for name in ("a.md", "b.md"):
        site.folder.write(name, None)
    assert site.publish().plan.stop


def test_a_moment_too_short_for_the_store_still_counts(site: Site) -> None:
    at = START - timedelta(minutes=3)
    lived_in(site, a={"instant": at + timedelta(microseconds=500)}, b={"instant": at - timedelta(days=9)})
    site.now = at
    assert looked_at(site) == {"a.md"}
    assert site.publish().plan.changes == ()


def test_a_file_ceases_to_be_settled_before_the_log_moves(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived_in(site, a={"explicit_id": "7"}, b={})
    site.folder.write("a.md", a_post("a.md", title="a", explicit_id="7", hidden="draft"))
    site.publish()
    site.publish()
    site.folder.write("new.md", a_post("new.md", title="new", explicit_id="7"))
    head = site.store.head().seq

    def dies(_store: Store, _update: IndexUpdate) -> int:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(type(site.store), "update_index", dies)
        site.publish()
    assert site.store.head().seq == head
    site.publish()
    assert "a.md" in looked_at(site)


def test_a_post_is_there_at_the_moment_of_its_instant_and_not_before(site: Site) -> None:
    lived_in(site, a={"instant": START - timedelta(days=3)}, b={"instant": START - timedelta(days=9)})
    site.now = START - timedelta(days=3)
    assert site.publish().plan.nothing
    site.now -= timedelta(minutes=1)
    assert looked_at(site) == {"a.md"}


def test_a_new_file_that_claims_a_settled_post_brings_it_in(site: Site) -> None:
    lived_in(site, a={"explicit_id": "7"}, b={})
    site.folder.write("new.md", a_post("new.md", title="new", explicit_id="7"))
    (bad,) = site.publish().plan.bad
    assert bad.path == "new.md"
    assert "is also claimed by a.md" in bad.reason


@pytest.mark.parametrize("crash", ["planned", "applied"])
def test_a_claim_is_not_lost_when_a_publish_dies_half_way(site: Site, crash: str) -> None:
    """The claimed post's own file is hidden: it was settled, and is no longer that post's file."""
    lived_in(site, a={"explicit_id": "7"}, b={})
    site.folder.write("a.md", a_post("a.md", title="a", explicit_id="7", hidden="draft"))
    site.publish()
    site.publish()
    assert "a.md" not in looked_at(site)
    site.folder.write("new.md", a_post("new.md", title="new", explicit_id="7"))
    site.publish(crash=crash)
    site.publish()
    assert "a.md" in looked_at(site)
    site.folder.write("new.md", None)
    for _ in range(3):
        site.now += timedelta(minutes=11)
        site.publish()


def test_a_folder_that_is_suddenly_empty_stops_and_forgets_nothing(site: Site) -> None:
    lived_in(site, **{f"p{n}": {"instant": START - timedelta(days=1, minutes=n)} for n in range(9)})
    files, site.folder.files_now = site.folder.files_now, {}
    site.folder.changed = set(files)
    assert site.publish().plan.stop == ("9 of 9 published posts are missing at once; is the folder complete?")
    site.folder.files_now = files
    site.folder.changed = set(files)
    assert site.publish().plan.nothing
    assert site.folder.read == []


def test_a_process_that_stays_looks_only_where_something_happened(site: Site) -> None:
    lived_in(site, a={}, b={})
    listed = site.folder.listed
    site.folder.write("c.md", a_post("c.md", title="c"))
    (change,) = site.publish().plan.changes
    assert change.post.path == "c.md"
    assert site.publish().plan.nothing
    assert site.folder.listed == listed


def test_a_process_that_stays_sees_that_another_one_published(site: Site) -> None:
    lived_in(site, a={}, b={})
    site.folder.write("b.md", a_post("b.md", title="new"))
    site.publish_elsewhere()
    site.folder.changed.clear()  # it was told, looked while the other one wrote, and found nothing
    site.folder.write("b.md", a_post("b.md", title="newer"))
    listed = site.folder.listed
    (change,) = site.publish().plan.changes
    assert change.post.title == "newer"
    assert site.folder.listed == listed + 1


def test_what_another_process_remembers_while_one_publishes_is_not_trusted(site: Site) -> None:
    lived_in(site, a={}, b={})
    snapshot = FolderSnapshot(site.folder, site.store)
    count = site.store.update_index(IndexUpdate(rules=snapshot.rules, gone=["a.md"]))
    assert not snapshot.mark_indexed(IndexUpdate(rules=snapshot.rules), count + 1)
    assert not snapshot.refresh(site.folder, site.store, ())


def test_an_error_while_it_looks_leaves_nothing_to_build_upon(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived_in(site, a={}, b={})
    site.folder.write("b.md", a_post("b.md", title="new"))

    def breaks(paths: Collection[str]) -> tuple[Collection[str], Iterator[FileStat | BadPost]]:
        return paths, (FileStat(path, 1, 1 // 0) for path in paths)

    with monkeypatch.context() as patch:
        patch.setattr(site.folder, "at", breaks)
        with pytest.raises(ZeroDivisionError):
            site.publish()
    listed = site.folder.listed
    (change,) = site.publish().plan.changes
    assert (change.post.path, change.kind, site.folder.listed) == ("b.md", LogKind.UPDATED, listed + 1)
