"""`posts`, `share` and `adopt`: files in the posts folder, links to drafts, and ids of an existing feed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from publisher.app import App
from publisher.cli.common import (
    SiteOptions,
    complete_posts,
    count,
    echo,
    local,
    say,
    show_json,
    show_table,
    site_options,
    utc,
)
from publisher.cli.help import command, group
from publisher.cli.progress import showing_progress
from publisher.core.errors import Refused, UsageError
from publisher.core.posts.post import BadPost, Post, PostOptions, WaitReason, describe_wait
from publisher.core.publishing.adoption import OldEntry
from publisher.core.site import DEFAULT_TIMEZONE
from publisher.core.times import local_time
from publisher.core.tokens import sign_draft
from publisher.services.operations.check import ListedPost
from publisher.services.publishing import post_ids
from publisher.services.publishing.post_ids import AdoptionPlan, FetchedFeed

MAX_SHARED_DAYS = 90
"""For how long a link to a draft may work."""

NO_VALUES: dict[str, Any] = {
    "instant": None,
    "title": None,
    "url": None,
    "slug": None,
    "tags": [],
    "categories": [],
    "authors": [],
    "language": None,
}


@group()
def posts() -> None:
    """Inspect the files in the posts folder."""


@posts.command(
    "list",
    examples=(
        ("See which files are published, and why others are not", "publisher posts list"),
        ("See where each value of a post comes from", "publisher posts list --explain posts/hello.md"),
    ),
)
@site_options(at=True, as_json=True)
@click.option(
    "--explain",
    metavar="PATH",
    shell_complete=complete_posts,
    help="Only this file: each value, and the rule that decided it.",
)
def list_posts(site: SiteOptions, as_json: bool, explain: str | None) -> None:
    """List each file: published or not, and why."""
    app = site.open(reads=True)
    if explain is not None:
        explain_post(app, explain, as_json=as_json)
        return
    found = app.posts()
    if as_json:
        show_json([item_json(item) for item in found])
        return
    show_table(
        ("state", "file", "date", "title", "why"),
        (
            (
                state_of(item),
                item.path,
                local(app, item.post.instant if item.post else None),
                item.title,
                item.why,
            )
            for item in found
        ),
        cut=("file", "why", "title"),
    )
    say(f"{count(sum(not item.why for item in found), 'post')} of {count(len(found), 'file')} served")


def item_json(item: ListedPost) -> dict[str, Any]:
    """One file as JSON; a file that is no post has no values."""
    post = item.post
    row: dict[str, Any] = {"file": item.path, "served": not item.why, "why": item.why}
    if post is None:
        return row | {"id": None} | NO_VALUES | {"front_matter": None}
    return row | {"id": item.id} | post_values(post) | {"title": item.title, "front_matter": item.container}


def post_values(post: Post) -> dict[str, Any]:
    """What `posts list --json` shows of a post."""
    return {
        "instant": utc(post.instant),
        "title": post.title,
        "url": post.url,
        "slug": post.slug,
        "tags": list(post.tags),
        "categories": list(post.categories),
        "authors": [person.key or person.name for person in post.authors],  # as the post has them
        "language": post.language,
    }


def state_of(item: ListedPost) -> str:
    """One word for what becomes of a file."""
    if item.unread:
        return "unread"
    if item.post is None:
        return "bad"
    if item.why.startswith(WaitReason.PAGE_ONLY):
        return "page"
    if not item.why and item.post.options.mail_only:
        return "mailed"
    return "hidden" if item.why else "served"


def explain_post(app: App, given: str, *, as_json: bool) -> None:
    """Each value of one post, and which rule decided it."""
    path = path_in_posts(app, given)
    found, reasons, rules = app.source.explain(path)
    if isinstance(found, BadPost):
        say(f"bad post: {found}")
        raise SystemExit(1)
    post = found.post
    values = {"front_matter": found.container} | more_values(post) | post_values(post)
    because = reasons_for_settings(app, rules.profile, rules.timezone, rules.origins) | dict(reasons)
    because["front_matter"] = "how the file begins"
    values = {"profile": rules.profile, "timezone": rules.timezone or DEFAULT_TIMEZONE} | values
    rows = [
        {
            "name": name,
            "value": value,
            "because": because.get(name, "") if value not in (None, "", []) else "",
        }
        for name, value in values.items()
    ]
    served = describe_wait(post, app.clock())
    if as_json:
        show_json({"file": path, "served": not served, "why": served, "values": rows})
        return
    echo(f"{path}: {served or 'served'}")
    for row in rows:
        by = f"  ({row['because']})" if row["because"] else ""
        value = row["value"] if isinstance(row["value"], str) else ", ".join(row["value"] or ())
        echo(f"  {row['name']:<13} {value or '-'}{by}")
    for warning in post.warnings:
        echo(f"  warning       {warning}")


def more_values(post: Post) -> dict[str, Any]:
    """What only `--explain` shows."""
    return {
        "permalink": post.permalink,
        "opens": utc(post.opens),
        "expires": utc(post.expires),
        "modified": utc(post.modified),
        "explicit_id": post.explicit_id,
        "names": [person.name for person in post.authors],
        "summary": post.summary,
        "image": post.image.url if post.image else None,
        "aliases": list(post.aliases),
        "mail": list(mail_words(post)),
    } | shown_options(post.options)


def mail_words(post: Post) -> list[str]:
    """What a post's `mail` says, in the words of its author."""
    options = post.options
    words = {post.mail.value: bool(post.mail), "only": options.mail_only, "excerpt": options.mail_excerpt}
    return [word for word, said in words.items() if said]


def shown_options(options: PostOptions) -> dict[str, Any]:
    """The other options of a post, by their keys in front matter."""
    reading = options.reading_time
    return {
        "subject": options.subject,
        "preheader": options.preheader,
        "pinned": "true" if options.pinned else "",
        "series": options.series,
        "series_part": str(options.series_part or ""),
        "toc": "true" if options.toc else "",
        "reading_time": "" if reading is None else str(reading or "true"),
    }


def reasons_for_settings(app: App, profile: str, timezone: str | None, origins: Any) -> dict[str, str]:
    """Reasons for the profile and the time zone."""
    zone = "settings: site.timezone" if app.settings.posts.timezone else origins.get("timezone", "default")
    set_here = app.settings.posts.profile != "auto"
    chosen = "settings: posts.profile" if set_here else f"found: {origins.get('profile', 'nothing')}"
    return {"profile": chosen, "timezone": zone}


def path_in_posts(app: App, given: str, where: str = "--explain") -> str:
    """The path of a file within the folder of posts, given relative to that folder or to the current one.
    Raises UsageError.
    """
    folder = app.settings.posts.dir
    for file in (folder / given, Path.cwd() / given):
        if file.is_file() and file.resolve().is_relative_to(folder.resolve()):
            return file.resolve().relative_to(folder.resolve()).as_posix()
    raise UsageError(where, f"no file {given!r} in {folder}", "see `publisher posts list`")


@command(examples=(("Show somebody a draft for a week", "publisher share posts/draft.md"),))
@site_options(at=True, as_json=True)
@click.argument("file", metavar="FILE", shell_complete=complete_posts)
@click.option(
    "--days",
    type=click.IntRange(1, MAX_SHARED_DAYS),
    default=7,
    show_default=True,
    help="For how many days the link works.",
)
def share(site: SiteOptions, as_json: bool, file: str, days: int) -> None:
    """Make a secret link to a draft, for somebody to read before it is published.

    Whoever has the link sees the file as it is at that moment, while `publisher run` is running. Search
    engines are told to keep away. Once the post is published, the link leads to its page.
    """
    app = site.open(reads=True)
    path = path_in_posts(app, file, "share")
    found, now = app.source.as_it_is().draft(path), app.clock()
    if isinstance(found, BadPost):
        raise Refused(path, found.reason, "a draft must be a good post to be shared")
    if not found.body.strip():
        raise Refused(path, f"there is nothing to show ({found.post.hidden or 'no text'})", "write it first")
    if not describe_wait(found.post, now) and not found.post.options.mail_only:
        raise Refused(path, "is public, not a draft", f"it is at {found.post.url}")
    expires = (now + timedelta(days=days)).replace(second=0, microsecond=0)
    url = f"{app.settings.site.public_url}share/{sign_draft(path, expires, app.ring)}"
    if as_json:
        show_json({"file": path, "url": url, "expires": utc(expires)})
        return
    echo(url)
    say(
        f"shows {path} until {local_time(expires, app.settings.site.timezone)}, "
        "while `publisher run` is running"
    )


@command(
    examples=(
        ("See what would be taken over from the old blog's feed", "publisher adopt old-feed.xml --dry-run"),
        ("Take it over, before the first publish", "publisher adopt old-feed.xml"),
    )
)
@site_options(as_json=True)
@click.argument("sources", metavar="URL|FILE...", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Show what would be taken over; change nothing.")
def adopt(site: SiteOptions, as_json: bool, sources: tuple[str, ...], dry_run: bool) -> None:
    """Take over the ids of an existing feed, so that no old post looks new after a move.

    The feed may be Atom, RSS or JSON Feed, at a URL or in a file, or an export of Ghost or WordPress.
    Archives and further pages that it names are read too; of a folder, every feed in it. For a web page, the
    feed that it names is used.
    """
    app = site.open(reads=dry_run)
    with showing_progress(app) as progress:
        read = [post_ids.fetch_feed(app.deps.adapters, source, progress) for source in sources]
        entries = [entry for one in read for entry in one.entries]
        with app.lock("publish"):
            proposal = post_ids.plan_adoption(app.deps.adapters, entries, app.clock(), progress)
            if not dry_run:
                post_ids.apply_adoption(app.deps.adapters, proposal)
    if as_json:
        show_json(proposal_json(read, proposal))
    else:
        print_proposal(read, proposal, app.deps.adapters.adopted_ids.name, dry_run=dry_run)
    for one in read:
        if one.problem:
            say(f"incomplete: {one.problem}")
    if proposal.adoption.ambiguous or not proposal.adoption.found or any(one.problem for one in read):
        raise SystemExit(1)


def print_proposal(read: list[FetchedFeed], proposal: AdoptionPlan, name: str, *, dry_run: bool) -> None:
    """Prints what was read, which post each entry is, and what was or would be done."""
    adoption = proposal.adoption
    for one in read:
        say(f"read {one.source}: {count(len(one.entries), 'entry', 'entries')} of {one.title or 'a feed'}")
    for found in adoption.found:
        echo(f"{found.how}: {found.post.path} is {found.entry.id}")
    for entry in proposal.derived:
        echo(f"rule of the others: {entry.post} is {entry.id}")
    for entry, paths in adoption.ambiguous:
        echo(f'ambiguous: {entry_in_words(entry)} may be {" or ".join(paths)}; write "post" into {name}')
    for entry in adoption.unmatched:
        echo(f"no such post: {entry_in_words(entry)}")
    for it in proposal.refused:
        echo(f"not changed: {it.post.path}: another post of the log has the id {it.entry.id}")
    number = len(adoption.found) + len(proposal.derived)
    would = "would keep" if dry_run else "keep"
    say(
        f"{count(number, 'post')} {would} the ids that readers know; of the entries "
        f"{len(adoption.unmatched)} match no post here, {len(adoption.ambiguous)} may be several"
    )
    if proposal.renamed:
        got = "would get" if dry_run else "got"
        say(f"{count(len(proposal.renamed), 'published post')} {got} another id")
    if not dry_run:
        say(f"wrote {name}: keep it with publisher.toml; `publisher publish` writes the feeds")


def entry_in_words(entry: OldEntry) -> str:
    """An entry in words: its title and link, else its id."""
    return f"{entry.title!r} ({next(iter(entry.links), entry.id)})" if entry.title else entry.id


def proposal_json(read: list[FetchedFeed], proposal: AdoptionPlan) -> dict[str, Any]:
    """A proposal as JSON."""
    adoption = proposal.adoption
    return {
        "sources": [
            {"source": r.source, "title": r.title, "documents": r.pages, "entries": len(r.entries)}
            | ({"problem": r.problem} if r.problem else {})
            for r in read
        ],
        "found": [{"id": f.entry.id, "file": f.post.path, "how": f.how} for f in adoption.found],
        "derived": [{"id": e.id, "file": e.post} for e in proposal.derived],
        "ambiguous": [entry_json(e) | {"files": list(paths)} for e, paths in adoption.ambiguous],
        "unmatched": [entry_json(e) for e in adoption.unmatched],
        "renamed": [{"old": old, "new": new} for old, new in proposal.renamed.items()],
        "refused": [{"id": f.entry.id, "file": f.post.path} for f in proposal.refused],
    }


def entry_json(entry: OldEntry) -> dict[str, Any]:
    """An entry without a post, as JSON."""
    links = list(entry.links)
    return {"id": entry.id, "title": entry.title, "links": links, "published": utc(entry.published)}
