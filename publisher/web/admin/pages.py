"""The admin pages by their paths, and those about the site: overview, lists, feeds, posts, findings, acts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from publisher.core.subscribers.subscription import SubscriptionState
from publisher.services.subscribers.growth import DayOfGrowth, growth
from publisher.web.admin import mailings, subscribers
from publisher.web.admin.visit import PageFunction, Shown, Visit

NAVIGATION = (
    ("/admin", "Overview"),
    ("/admin/mailings", "Mailings"),
    ("/admin/subscribers", "Subscribers"),
    ("/admin/lists", "Lists"),
    ("/admin/feeds", "Feeds"),
    ("/admin/posts", "Posts"),
    ("/admin/check", "Check"),
    ("/admin/audit", "Audit log"),
)
"""The pages that every page links to."""

ROWS, MAX_SHOWN = 50, 500
"""Rows of a page, and of one without others after it."""

NO_FEEDS = ("archive/", "assets/", "manifest.json")
"""Where documents with the same ends stand that are no feeds."""

GROWTH_DAYS = 30

CHART_WIDTH, CHART_HEIGHT, CHART_LEFT = 720, 200, 44


def admin_pages() -> Mapping[str, tuple[PageFunction, ...]]:
    """Path under /admin -> what shows the page, and what acts on its forms."""
    return {
        "": (overview,),
        "/mailings": (mailings.every_mailing,),
        "/mailings/{number}": (mailings.one_mailing, mailings.change),
        "/mailings/{number}/preview": (mailings.frozen_preview,),
        "/subscribers": (subscribers.find, subscribers.search),
        "/subscribers/{number}": (subscribers.story, subscribers.change),
        "/subscribers/{number}/export": (subscribers.export,),
        "/lists": (every_list,),
        "/lists/{slug}": (mailings.next_digest, mailings.send_test_message),
        "/lists/{slug}/preview": (mailings.next_preview,),
        "/feeds": (every_feed,),
        "/posts": (every_post,),
        "/check": (findings,),
        "/audit": (audit_log,),
    }


def overview(visit: Visit) -> Shown:
    """What was published, what goes out next and to how many, and what needs a hand."""
    store = visit.app.store
    sending = store.unfinished_mailings()
    status, as_of = visit.figures.get("status", visit.app.status, visit.now)
    readers = visit.figures.get("readers", store.subscriber_counts, visit.now).value
    active = None
    if readers is not None:
        active = sum(n for (_, state), n in readers.items() if state is SubscriptionState.ACTIVE)
    values = {
        "status": status,
        "as_of": as_of,
        "active": active,
        "problems": store.problems(),
        "sending": [(one, mailings.progress_of(one)) for one in sending[:20]],
        "under_way": len(sending),
        "held": [one for one in sending if one.hold and one.hold_until is None],
        "recent": store.newest_posts(5),
        "doubts": store.count_unknown(),
    }
    return Shown("overview", values)


class Bar(NamedTuple):
    """One bar of a chart, in its units."""

    x: float
    y: float
    height: float
    kind: str


class Chart(NamedTuple):
    """An SVG chart: who came stands above the line, who went below it."""

    width: int
    height: int
    zero: float
    bars: Sequence[Bar]
    most: int
    least: int
    first: str
    last: str


def draw_growth(days: Sequence[DayOfGrowth]) -> Chart:
    """Bars of who confirmed, and of who left or bounced, for each day."""
    most = max([day.confirmed for day in days] + [1])
    least = max([day.left + day.bounced for day in days] + [1])
    scale = (CHART_HEIGHT - 40) / (most + least)
    zero = 20 + most * scale
    step = (CHART_WIDTH - CHART_LEFT) / len(days)
    bars: list[Bar] = []
    for n, day in enumerate(days):
        x, gone = CHART_LEFT + n * step, day.left + day.bounced
        bars.append(
            Bar(round(x, 1), round(zero - day.confirmed * scale, 1), round(day.confirmed * scale, 1), "came")
        )
        bars.append(Bar(round(x, 1), round(zero, 1), round(gone * scale, 1), "went"))
    first, last = (f"{day.day:%-d %b}" for day in (days[0], days[-1]))
    return Chart(CHART_WIDTH, CHART_HEIGHT, round(zero, 1), bars, most, least, first, last)


def every_list(visit: Visit) -> Shown:
    """Each list with its readers by state, and how they grow."""
    app, slug = visit.app, visit.query.get("list", "")
    if slug:
        visit.the_list(slug)
    counts, as_of = visit.figures.get("readers", app.store.subscriber_counts, visit.now)
    states = list(SubscriptionState)
    rows = [
        (spec, [counts.get((spec.slug, state), 0) for state in states] if counts is not None else [])
        for spec in app.deps.rules.lists
    ]

    def grown() -> list[DayOfGrowth]:
        return growth(app.store, visit.departures.current, slug, visit.now, GROWTH_DAYS)

    days, growth_as_of = visit.figures.get(f"growth {slug}", grown, visit.now)
    values: dict[str, object] = {"rows": rows, "states": states, "slug": slug, "as_of": as_of or growth_as_of}
    if days is None:
        return Shown("lists", values | {"days": (), "chart": None, "bar": 0})
    width = round((CHART_WIDTH - CHART_LEFT) / len(days) * 0.7, 1)
    return Shown("lists", values | {"days": days, "chart": draw_growth(days), "bar": width})


def every_feed(visit: Visit) -> Shown:
    """Each document of a feed: its readers, as services that poll for many tell, and requests by status."""
    readers, services, answered = Counter[str](), Counter[str](), dict[str, Counter[int]]()
    for poll in visit.feed_counts.polls(visit.now):
        readers[poll.path] += poll.readers
        services[poll.path] += 1
    for (path, _, status), number in visit.feed_counts.requests().items():
        answered.setdefault(path, Counter())[status] += number
    found = [
        (document, readers[path], services[path], sorted(answered.get(path, Counter[int]()).items()))
        for path, document in visit.app.store.documents().items()
        if path.endswith((".atom", ".xml", ".json")) and not path.startswith(NO_FEEDS)
    ]
    return Shown("feeds", {"rows": found[:MAX_SHOWN], "more": max(0, len(found) - MAX_SHOWN)})


def every_post(visit: Visit) -> Shown:
    """Each file in the folder of posts: whether it is served, or why not."""
    listed, as_of = visit.figures.get("posts", visit.app.posts, visit.now)
    if listed is None:
        return Shown("counting", {"title": "Posts"})
    wanted = visit.query.get("show", "")
    why = Counter("served" if not one.why else "not served" for one in listed)
    rows = [one for one in listed if wanted == "" or bool(one.why) == (wanted == "waiting")]
    page = max(1, visit.numbered("page") or 1)
    part = rows[(page - 1) * ROWS : page * ROWS]
    values = {
        "rows": part,
        "page": page,
        "pages_of": -(-len(rows) // ROWS),
        "show": wanted,
        "counts": why,
        "as_of": as_of,
    }
    return Shown("posts", values)


def findings(visit: Visit) -> Shown:
    """What `publisher check` finds."""
    report, as_of = visit.figures.get("check", visit.app.check, visit.now)
    if report is None:
        return Shown("counting", {"title": "Check"})
    shown = report.findings[:MAX_SHOWN]
    return Shown(
        "check",
        {"findings": shown, "more": len(report.findings) - len(shown), "report": report, "as_of": as_of},
    )


def audit_log(visit: Visit) -> Shown:
    """Who did what."""
    acts = visit.app.store.acts(before=visit.numbered("before"), limit=ROWS)
    return Shown("audit", {"acts": acts, "older": acts[-1][0] if len(acts) == ROWS else None})
