"""make_plan over whole histories: folders that change between scans, a clock that steps, a small log."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.post import BadPost, Post, body_hash, public_posts
from publisher.core.publishing.log import IdRules, LogHead, LogKind, PublishedPost
from publisher.core.publishing.plan import HoldReason, Plan, PlanRules
from publisher.core.publishing.planner import make_plan

START = datetime(2024, 10, 25, 9, 0, tzinfo=UTC)
RULES = PlanRules(naming=IdRules(authority="example.org,2024"), max_age=timedelta(days=30))


@dataclass
class Log:
    """The log as a store keeps it, in few words."""

    known: dict[str, PublishedPost] = field(default_factory=dict[str, PublishedPost])
    rows: list[tuple[LogKind, str]] = field(default_factory=list[tuple[LogKind, str]])
    baseline_at: datetime | None = None

    @property
    def head(self) -> LogHead:
        return LogHead(seq=len(self.rows), at=None, baseline_at=self.baseline_at)

    def apply(self, plan: Plan, now: datetime) -> None:
        self.baseline_at = self.baseline_at or now
        for change in plan.changes:
            self.rows.append((change.kind, change.id))
            self._change(change.kind, change.id, change.post, now)
        for id, post in plan.touched:
            self.known[id] = replace(self.known[id], post=post)
        for id in plan.missing:
            k = self.known[id]
            since = k.missing_since or now
            self.known[id] = replace(k, missing_since=since, missing_scans=k.missing_scans + 1)
        for id in plan.found:
            self.known[id] = replace(self.known[id], missing_since=None, missing_scans=0)

    def _change(self, kind: LogKind, id: str, post: Post, now: datetime) -> None:
        if kind is LogKind.PUBLISHED:
            assert id not in self.known, "published twice"
            seq = len(self.rows)
            self.known[id] = PublishedPost(id=id, post=post, live=True, first_seq=seq, updated_at=now)
            return
        assert self.known[id].live is (kind is not LogKind.RESTORED), f"{kind} of a post that is not so"
        away: dict[str, Any] = (
            {} if kind is LogKind.WITHDRAWN else {"missing_since": None, "missing_scans": 0}
        )
        self.known[id] = replace(self.known[id], post=post, live=kind is not LogKind.WITHDRAWN, **away)


@dataclass
class World:
    """A folder, its log and the time. `bad` are the paths of files that cannot be read just now."""

    log: Log = field(default_factory=Log)
    now: datetime = START
    folder: dict[str, Post] = field(default_factory=dict[str, Post])
    bad: set[str] = field(default_factory=set[str])

    def plan(self, order: Callable[[list[Any]], None] = lambda _: None) -> Plan:
        posts = [post for path, post in self.folder.items() if path not in self.bad]
        bad = [BadPost(path=path, reason="broken") for path in self.bad if path in self.folder]
        known = list(self.log.known.values())
        for values in (posts, bad, known):
            order(values)
        return make_plan(self.log.head, known, posts, bad, self.now, RULES)

    def scan(self) -> Plan:
        """A publish; whatever happened before it, this holds after it."""
        made = self.plan()
        if made.stop:
            return made
        self.log.apply(made, self.now)
        self._every_visible_post_is_live_or_accounted_for(made)
        self._every_live_post_has_a_reason(made)
        self._what_is_withdrawn_is_hidden_or_gone(made)
        again = self.plan()
        assert (again.changes, again.touched, again.found) == ((), (), ()), "a second publish does something"
        return made

    def _every_visible_post_is_live_or_accounted_for(self, made: Plan) -> None:
        good = [post for path, post in self.folder.items() if path not in self.bad]
        live = {k.post.path: k.post for k in self.log.known.values() if k.live and k.id not in made.missing}
        said = {b.path for b in made.bad} | {h.path for h in made.held if h.reason is HoldReason.AMBIGUOUS}
        for post in public_posts(good, self.now):
            assert post.path in said or live.get(post.path) == post, f"{post.path} is lost"

    def _every_live_post_has_a_reason(self, made: Plan) -> None:
        """Its own file, seen or broken; or it is missing, contested, or may be one of those held."""
        files = {post.path for post in public_posts(self.folder.values(), self.now)}
        files |= self.bad | {b.path for b in made.bad}
        held = any(h.reason is HoldReason.AMBIGUOUS for h in made.held)
        for k in self.log.known.values():
            if k.live and k.id not in made.missing and not held and not contested(k.id, made):
                assert k.post.path in files, f"{k.id} has no file"
                files.remove(k.post.path)  # and no other post has the same

    def _what_is_withdrawn_is_hidden_or_gone(self, made: Plan) -> None:
        files = {post.path: post for path, post in self.folder.items() if path not in self.bad}
        seen = {post.path for post in public_posts(files.values(), self.now)}
        taken = {k.post.path for k in self.log.known.values() if k.live}
        refused = {b.path for b in made.bad}  # it names another's id, and a draft may name this one's
        for change in made.changes:
            if change.kind is LogKind.WITHDRAWN:
                broken = self.bad & self.folder.keys() - taken
                assert change.post.path not in broken, "withdrawn for a broken file"
                assert change.post.path not in seen - taken - refused, "withdrawn in plain sight"
                hidden = change.post.path in files.keys() - seen
                assert hidden or not contested(change.id, made), "withdrawn for a copy of it"


def contested(id: str, made: Plan) -> bool:
    return any(f" id {id} is also " in b.reason for b in made.bad)


def name_of(number: int) -> Post:
    """A post that shares nothing with one of another number."""
    return Post(
        path=f"{number}.md",
        title=f"Title {number}",
        instant=START + timedelta(minutes=number - 40),
        permalink=f"/{number}/",
        url=f"https://example.org/{number}/",
        base_url=f"https://example.org/{number}/",
        slug=f"slug-{number}",
        language="en",
        body_hash=body_hash(f"body {number}"),
    )


few = st.integers(0, 2)
anything = st.builds(
    lambda title, body, link, minutes, code, alias, hidden: {
        "title": f"Title {title}",
        "body_hash": body_hash(f"body {body}" if body else ""),
        "permalink": f"/{link}/",
        "instant": START + timedelta(minutes=minutes),
        "explicit_id": code,
        "aliases": alias,
        "hidden": hidden,
    },
    few,
    few,
    few,
    st.sampled_from((-60, -30, 20)),
    st.sampled_from((None, None, "7", "/0/")),
    st.sampled_from(((), (), ("/0/",), ("/1/", "/2/"))),
    st.sampled_from((None, None, None, "draft")),
)
paths = st.sampled_from([f"{n}.md" for n in range(5)])
write = st.tuples(st.just("write"), paths, anything)
steps = st.lists(
    write
    | write
    | write
    | st.tuples(st.just("delete"), paths)
    | st.tuples(st.just("move"), paths, paths)
    | st.tuples(st.just("break"), paths)
    | st.tuples(st.just("mend"), paths)
    | st.tuples(st.just("scan"), st.sampled_from((0, 1, 6, 11, 3000)))
    | st.tuples(st.just("scan"), st.sampled_from((1, 11))),
    max_size=25,
)


def step(world: World, kind: str, *values: Any) -> None:
    """One thing an author, or the clock, may do."""
    match kind, *values:
        case "write", path, fields:
            world.folder[path] = replace(name_of(0), path=path, slug=path[0], **fields)
        case "delete", path:
            world.folder.pop(path, None)
        case "move", path, to:
            if path in world.folder:
                world.folder[to] = replace(world.folder.pop(path), path=to)
        case "break", path:
            world.bad.add(path)
        case "mend", path:
            world.bad.discard(path)
        case "scan", minutes:
            world.now += timedelta(minutes=minutes)
            world.scan()


def test_an_address_stays_with_a_live_post_whose_file_cannot_be_used() -> None:
    """Its file claims the id of another post; the next publish must not give its address to a third."""
    same = {"title": "Title", "body_hash": body_hash("body"), "instant": START - timedelta(hours=1)}
    world = World()
    step(world, "write", "2.md", same | {"permalink": "/1/"})
    step(world, "scan", 0)
    step(world, "write", "0.md", same | {"permalink": "/1/"})
    step(world, "write", "1.md", same | {"permalink": "/0/", "explicit_id": "7"})
    step(world, "write", "2.md", same | {"permalink": "/1/", "explicit_id": "7"})
    world.scan()
    step(world, "break", "2.md")
    assert [b.path for b in world.scan().bad] == ["2.md", "0.md"]


@given(steps)
def test_whatever_happens_to_a_folder_no_post_is_published_twice_or_lost(
    history: Sequence[tuple[Any, ...]],
) -> None:
    world = World()
    for kind, *values in history:
        step(world, kind, *values)
    world.scan()
    firsts = [id for kind, id in world.log.rows if kind is LogKind.PUBLISHED]
    assert len(firsts) == len(set(firsts)) == len(world.log.known)


@given(steps, steps, st.randoms(use_true_random=False))
def test_the_same_inputs_in_any_order_make_the_same_plan(
    before: Sequence[tuple[Any, ...]], after: Sequence[tuple[Any, ...]], dice: random.Random
) -> None:
    world = World()
    for kind, *values in (*before, ("scan", 1), *(s for s in after if s[0] != "scan")):
        step(world, kind, *values)
    made = world.plan()
    assert world.plan(dice.shuffle) == made
    assert world.plan(list.reverse).hash == made.hash


EDITS: tuple[Callable[[Post, int], Post], ...] = (
    lambda post, n: replace(post, title=f"Edited {n}"),
    lambda post, n: replace(post, body_hash=body_hash(f"edited {n}")),
    lambda post, n: replace(post, permalink=f"/edited-{n}/", url=f"https://example.org/edited-{n}/"),
    lambda post, n: replace(post, instant=START - timedelta(days=3, minutes=n)),
    lambda post, n: replace(post, explicit_id=post.explicit_id or f"code-{n}"),
    lambda post, n: replace(post, hidden=None if post.hidden else "draft: true"),
    lambda post, n: replace(post, path=f"moved/{n}.md"),
    lambda post, n: replace(post, path=f"moved/{n}.md", title=f"Edited {n}"),
    lambda post, n: replace(post, path=f"moved/{n}.md", body_hash=body_hash(f"edited {n}")),
    lambda post, n: replace(post, path=f"moved/{n}.md", permalink=f"/moved-{n}/", slug=f"moved-{n}"),
)
lives = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(("edit", "edit", "edit", "away", "bad")),
        st.sampled_from(EDITS),
        st.sampled_from((0, 1, 11, 3000)),
    ),
    max_size=25,
)


@given(lives)
def test_a_post_keeps_one_id_through_edits_moves_absences_and_breakage(
    history: Sequence[tuple[int, str, Callable[[Post, int], Post], int]],
) -> None:
    """One thing happens to a post between two scans; it may be away or broken for some of them."""
    authors = [name_of(number) for number in range(4)]
    stays = name_of(9)  # never all posts are away, which would stop every publish
    away: set[int] = set()
    world = World(log=Log(baseline_at=START))
    first: dict[int, str] = {}
    for n, (which, what, edit, minutes) in enumerate(history):
        if what == "away":
            away ^= {which}
        elif what == "bad":
            world.bad ^= {authors[which].path}
        elif which not in away and authors[which].path not in world.bad:
            authors[which] = edit(authors[which], n)
        here = (post for number, post in enumerate(authors) if number not in away)
        world.folder = {post.path: post for post in (*here, stays)}
        world.now += timedelta(minutes=minutes)
        world.scan()
        ids = {k.post.path: id for id, k in world.log.known.items()}
        for number, post in enumerate(authors):
            if number not in away and post.hidden is None and post.path not in world.bad:
                assert first.setdefault(number, ids[post.path]) == ids[post.path]
    if history:
        first[9] = next(id for id, k in world.log.known.items() if k.post == stays)
    assert len(world.log.known) == len(first)
    assert all(kind is not LogKind.PUBLISHED or id in first.values() for kind, id in world.log.rows)
