"""posts: how each file is published, and which rule decided that."""

from pathlib import Path
from typing import Any

import click

from publisher.app import App
from publisher.cli.common import SiteOptions, count, echo, say, show_json, site_options, utc
from publisher.core.errors import UsageError
from publisher.core.posts.post import BadPost, Post, WaitReason, describe_wait
from publisher.core.site import DEFAULT_TIMEZONE
from publisher.services.operations.check import ListedPost

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


@click.group()
def posts() -> None:
    """The files in the folder of posts."""


@posts.command("list")
@site_options(at=True, as_json=True)
@click.option("--explain", metavar="PATH", help="Only this file: each value, and which rule decided it.")
def list_posts(site: SiteOptions, as_json: bool, explain: str | None) -> None:
    """Each file: served or not, and why."""
    app = site.open(reads=True)
    if explain is not None:
        explain_post(app, explain, as_json=as_json)
        return
    found = app.posts()
    if as_json:
        show_json([item_json(item) for item in found])
        return
    for item in found:
        echo(line_of(item))
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


def line_of(item: ListedPost) -> str:
    """One file in words: served or not, and why."""
    if item.unread:
        return f"unread  {item.path}: {item.why}"
    if item.post is None:
        return f"bad     {item.path}: {item.why}"
    if item.why.startswith(WaitReason.PAGE_ONLY):
        return f"page    {item.path}: {item.why}"
    if item.why:
        return f"hidden  {item.path}: {item.why}"
    return f"served  {item.path}: {utc(item.post.instant)} {item.post.title}"


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
    }


def reasons_for_settings(app: App, profile: str, timezone: str | None, origins: Any) -> dict[str, str]:
    """Reasons for the profile and the time zone."""
    zone = "settings: site.timezone" if app.settings.posts.timezone else origins.get("timezone", "default")
    set_here = app.settings.posts.profile != "auto"
    chosen = "settings: posts.profile" if set_here else f"found: {origins.get('profile', 'nothing')}"
    return {"profile": chosen, "timezone": zone}


def path_in_posts(app: App, given: str) -> str:
    """The path of a file within the folder of posts, given relative to that folder or to the current one.
    Raises UsageError.
    """
    folder = app.settings.posts.dir
    for file in (folder / given, Path.cwd() / given):
        if file.is_file() and file.resolve().is_relative_to(folder.resolve()):
            return file.resolve().relative_to(folder.resolve()).as_posix()
    raise UsageError("--explain", f"no file {given!r} in {folder}", "see `publisher posts list`")
