"""Small blogs that were built by their real generators (tests/oracles), and how they are published here.

Both sides are brought to one form: the addresses that a body leads to, and the words it shows.
"""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from lxml import html as lxml_html
from stores import new_store

from publisher.app import App, fixed
from publisher.config import load

FOLDER = Path(__file__).parents[2] / "oracles"
BASE = "https://example.org"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
"""Their posts are long past or in 2999, so the clock of the machine that builds them decides nothing."""

Row = dict[str, Any]

FILED_UNDER = ("tags", "categories", "authors")

SETTINGS = f"""[site]
title = "Oracle"
url = "{BASE}/"
id_authority = "example.org,2026"
[posts]
dir = "blog"
[[feeds]]
slug = "feed"
formats = ["json"]
limit = 1000
archive = false
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """One post as a generator built it. `file` is its path from the root of the blog; `instant` is aware, or
    None where the generator knows none; `address` is a path, or an address at BASE; `html` is its body.
    `summary` is the one that the author marked or wrote, as HTML, and None where the generator made one up.
    `authors` are names; they, `tags` and `categories` are looked at in a blog where the generator knows any.
    """

    file: str
    title: str
    instant: datetime | None
    address: str
    html: str
    summary: str | None = None
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """`wrong` are differences nobody explains; `stale` are explanations of differences that are none."""

    wrong: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


def sites(generator: str = "") -> list[Path]:
    """The folders of all small blogs, or those of one generator's; each holds `site/`."""
    return sorted(path.parent for path in FOLDER.glob(f"{generator or '*'}/*/site"))


def row_of(built: Built) -> Row:
    """What a golden file says of a post."""
    address = _path_in_site(urljoin(f"{BASE}/", built.address))
    row: Row = {
        "file": built.file,
        "title": built.title.strip(),
        "instant": built.instant and f"{built.instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "address": address,
        "links": links_of(built.html, address),
        "text": words_of(built.html),
    }
    if built.summary is not None:
        row["summary"] = words_of(built.summary)
    if built.aliases:
        row["aliases"] = sorted(
            _path_in_site(urljoin(f"{BASE}/", alias)).rstrip("/") for alias in built.aliases
        )
    for name in FILED_UNDER:
        if words := getattr(built, name):
            row[name] = [*words] if name == "authors" else sorted(words)
    return row


def ours(folder: Path, tmp: Path) -> tuple[list[Row], dict[str, str]]:
    """What the real code makes of the blog in `folder`/site: its posts, and by file why others are none. They
    are published in `tmp`, an empty folder.
    """
    shutil.copytree(folder / "site", tmp / "blog")
    more = folder / "publisher.toml"
    (tmp / "publisher.toml").write_text(more.read_text("utf-8") if more.exists() else SETTINGS, "utf-8")
    (tmp / ".publisher").mkdir()
    new_store(tmp / ".publisher" / "store.db").close()
    app = App(load(tmp), clock=fixed(NOW), environ={})
    try:
        app.publish()
        listed = app.posts()
    finally:
        app.close()
    items = json.loads((tmp / "public" / "feed.json").read_text("utf-8"))["items"]
    by_url = {item["url"]: item for item in items}
    posts, others = [], {}
    for found in listed:
        if found.why or found.post is None:
            others[found.path] = found.why
            continue
        post = found.post
        item = by_url.get(post.url or "")
        if item is None:
            others[found.path] = f"is not in the feed by {post.url}"
            continue
        posts.append(
            row_of(
                Built(
                    file=post.path,
                    title=item["title"],
                    instant=post.instant,
                    address=item["url"],
                    html=item.get("content_html") or item.get("content_text") or "",
                    summary=item.get("summary", ""),
                    aliases=post.aliases,
                    tags=post.tags,
                    categories=post.categories,
                    authors=tuple(person.name for person in post.authors),
                )
            )
        )
    return sorted(posts, key=_sort_key), others


def compare(folder: Path, tmp: Path) -> Compared:
    """The blog in `folder` as we publish it, against its golden file and the differences that are meant."""
    expected = json.loads((folder / "expected.json").read_text("utf-8"))["posts"]
    posts, others = ours(folder, tmp)
    found = {row["file"]: row for row in posts}
    filed_under = [name for name in FILED_UNDER if any(name in row for row in expected)]
    differences = {
        (row["file"], name): (row.get(name), value)
        for row in expected
        for name, value in _differences(row, found, ("aliases", *filed_under))
    }
    differences |= {
        (file, "served"): (False, True) for file in found if file not in {row["file"] for row in expected}
    }
    meant = {(item["file"], item.get("field", "served")): item for item in differs(folder)}
    wrong = []
    for key, (theirs, got) in differences.items():
        item = meant.get(key)
        if item is None or ("ours" in item and item["ours"] != got):
            reason = f" ({others[key[0]]})" if key[0] in others else ""
            wrong.append(f"{key[0]}: {key[1]}: there {theirs!r}, here {got!r}{reason}")
    stale = [f"{file}: {name}" for file, name in meant if (file, name) not in differences]
    return Compared(wrong=wrong, stale=stale)


def differs(folder: Path) -> list[dict[str, Any]]:
    """The differences that are meant: `file`, `why`, and `field` with `ours` where the post is served."""
    file = folder / "differs.json"
    return list(json.loads(file.read_text("utf-8"))) if file.exists() else []


def golden(built: list[Built], version: str) -> str:
    """The text of a golden file."""
    rows = sorted((row_of(item) for item in built), key=_sort_key)
    return json.dumps({"generator": version, "posts": rows}, ensure_ascii=False, indent=1) + "\n"


def _sort_key(row: Row) -> tuple[str, str]:
    return row["address"], row["file"]


def _differences(row: Row, found: dict[str, Row], always: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """What differs of a post, and how it is here; `served` alone, where it is none here. What `row` has not
    is compared where its name is in `always`.
    """
    post = found.get(row["file"])
    if post is None:
        yield "served", False
        return
    for name in ("title", "instant", "address", "links", "summary", "aliases", *FILED_UNDER):
        if (name in always or (name in row and name not in FILED_UNDER)) and row.get(name) != post.get(name):
            yield name, post.get(name)
    if _without_spaces(row["text"]) != _without_spaces(post["text"]):
        yield "text", post["text"]


_FOOTNOTES = re.compile(r"#(user-content-)?(fn|sf-)|^#\d+$", re.IGNORECASE)
_MARKS = str.maketrans("“”„«»‘’‚–—−\N{NO-BREAK SPACE}", '"""""\'\'\'--- ')


def links_of(html: str, address: str) -> list[str]:
    """Where a body leads, and what it shows: each `href` and `src` in order, from the site's root where it is
    in the site. Footnotes are left out: each renderer names them its own way. A link within the body is
    marked where the body has no such place.
    """
    tree = _parse_html(html)
    places = {value for element in tree.iter() for value in (element.get("id"), element.get("name")) if value}
    found = []
    for element in tree.iter():
        for value in (element.get("href"), element.get("src")):
            if value is None or _FOOTNOTES.search(value):
                continue
            link = _path_in_site(urljoin(BASE + address, value.strip()))
            page, place = urldefrag(link)
            if place and page == address:
                link = f"#{place}" if unquote(place) in places else f"#{place} (leads nowhere)"
            found.append(link)
    return found


def words_of(html: str) -> str:
    """What a reader sees, white space as one space; quotation marks and dashes are plain, as some generators
    set them and others do not; boxes to tick are left out, which some make of text.
    """
    tree = _parse_html(html)
    for element in tree.xpath("//script | //style | //sup[.//a[contains(@href, '#fn')]]"):
        element.drop_tree()
    for element in tree.xpath("//sup[contains(@class, 'footnote')]"):  # Zola's
        element.drop_tree()
    for element in tree.xpath("//a[contains(@href, '#fn') or contains(@href, '#sf-')]"):
        element.drop_tree()
    text = str(tree.text_content()).translate(_MARKS).replace("…", "...")
    return " ".join(re.sub("[\ufe0e\ufe0f↩¶☑☐]", "", re.sub("--+", "-", text)).split())


def _without_spaces(text: str) -> str:
    return "".join(text.split())


def _parse_html(html: str) -> Any:
    return lxml_html.fragment_fromstring(html, create_parent="div")


def _path_in_site(address: str) -> str:
    """From the site's root where it is in the site; as it is written, not as it is escaped."""
    inside = address.removeprefix(BASE) if address.startswith((f"{BASE}/", f"{BASE}?")) else address
    return unquote(inside) or "/"
