"""posts: what becomes of each file, and which rule decided it."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from publisher.app import App
from publisher.cli.common import SiteOptions, count, echo, say, show_json, site_options, utc
from publisher.core.errors import UsageError
from publisher.core.posts.post import BadPost, Post, WaitReason, describe_wait
from publisher.core.site import Person
from publisher.services.operations.inspect_posts import ListedPost


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
        _explain(app, explain, as_json=as_json)
        return
    found = app.posts()
    if as_json:
        show_json([_row(item) for item in found])
        return
    for item in found:
        echo(_line(item))
    say(f"{count(sum(not item.why for item in found), 'post')} of {count(len(found), 'file')} served")


def _row(item: ListedPost) -> dict[str, Any]:
    post = item.post
    row: dict[str, Any] = {"file": item.path, "served": not item.why, "why": item.why}
    if post is None:
        return row | {"id": None} | _NOTHING | {"front_matter": None}
    return row | {"id": item.id} | _values(post) | {"title": item.title, "front_matter": item.container}


_NOTHING: dict[str, Any] = {
    "instant": None,
    "title": None,
    "url": None,
    "slug": None,
    "tags": [],
    "categories": [],
    "authors": [],
    "language": None,
}


def _values(post: Post) -> dict[str, Any]:
    return {
        "instant": utc(post.instant),
        "title": post.title,
        "url": post.url,
        "slug": post.slug,
        "tags": list(post.tags),
        "categories": list(post.categories),
        "authors": [_written(person) for person in post.authors],
        "language": post.language,
    }


def _written(person: Person) -> str:
    """As the post writes the author: by the key of a data file, else by name."""
    return person.key or person.name


def _line(item: ListedPost) -> str:
    if item.unread:
        return f"unread  {item.path}: {item.why}"
    if item.post is None:
        return f"bad     {item.path}: {item.why}"
    if item.why.startswith(WaitReason.PAGE_ONLY):
        return f"page    {item.path}: {item.why}"
    if item.why:
        return f"hidden  {item.path}: {item.why}"
    return f"served  {item.path}: {utc(item.post.instant)} {item.post.title}"


def _explain(app: App, given: str, *, as_json: bool) -> None:
    path = _path(app, given)
    found, reasons, rules = app.source.explain(path)
    if isinstance(found, BadPost):
        say(f"bad post: {found}")
        raise SystemExit(1)
    post = found.post
    values = {"front_matter": found.container} | _more(post) | _values(post)
    because = _context(app, rules.profile, rules.timezone, rules.origins) | dict(reasons)
    because["front_matter"] = "how the file begins"
    values = {"profile": rules.profile, "timezone": rules.timezone or "UTC"} | values
    rows = [
        {
            "name": name,
            "value": value,
            "because": because.get(name, "") if value not in (None, "", []) else "",
        }
        for name, value in values.items()
    ]
    served = _served(post, app.clock())
    if as_json:
        show_json({"file": path, "served": not served, "why": served, "values": rows})
        return
    echo(f"{path}: {served or 'served'}")
    for row in rows:
        by = f"  ({row['because']})" if row["because"] else ""
        echo(f"  {row['name']:<13} {_shown(row['value'])}{by}")
    for warning in post.warnings:
        echo(f"  warning       {warning}")


def _shown(value: str | list[str] | None) -> str:
    return (value if isinstance(value, str) else ", ".join(value or ())) or "-"


def _more(post: Post) -> dict[str, Any]:
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


def _context(app: App, profile: str, timezone: str | None, origins: Any) -> dict[str, str]:
    """Why the profile and the zone are what they are."""
    zone = "settings: site.timezone" if app.settings.posts.timezone else origins.get("timezone", "default")
    set_here = app.settings.posts.profile != "auto"
    chosen = "settings: posts.profile" if set_here else f"found: {origins.get('profile', 'nothing')}"
    return {"profile": chosen, "timezone": zone}


def _served(post: Post, now: datetime) -> str:
    return describe_wait(post, now)


def _path(app: App, given: str) -> str:
    """A file as the folder of posts names it: relative to that, or a path from here. Raises UsageError."""
    folder = app.settings.posts.dir
    for file in (folder / given, Path.cwd() / given):
        if file.is_file() and file.resolve().is_relative_to(folder.resolve()):
            return file.resolve().relative_to(folder.resolve()).as_posix()
    raise UsageError("--explain", f"no file {given!r} in {folder}", "see `publisher posts list`")
