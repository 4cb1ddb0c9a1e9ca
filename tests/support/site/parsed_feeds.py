"""The feeds that parsers read: those of a site of nasty posts, of the example site, and of the corpora where
they lie beside this checkout; and what every parser should see in them.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lxml import html as lxml_html
from paths import ROOT, SHARED
from unpacking import unpack

from publisher.app import App, fixed
from publisher.config import load
from publisher.core.publishing.log import as_iri

HERE = ROOT / "tests/oracles/parsers"
GOLDENS = HERE / "golden"
FAULTS: list[dict[str, Any]] = json.loads((HERE / "differs.json").read_text("utf-8"))
OURS = ("nasty", "example")
SHOWN = 120
AUTHORITY = "example.org,2026"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
FORMATS = {"atom": "feed.atom", "rss": "feed.xml", "json": "feed.json"}

SETTINGS = """[site]
title = "Nasty & <odd>"
url = "https://example.org/"
id_authority = "example.org,2026"
language = "en"
author = { name = "Ann Editor", email = "ann@example.org" }
[posts]
dir = "posts"
pages = true
permalink = "/:slug/"
[[feeds]]
slug = "feed"
formats = ["atom", "rss", "json"]
limit = 1000
archive = false
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An entry as a parser saw it. `content` and `summary` are HTML or text, as the parser gives them; times
    are aware or None; an enclosure is (url, type, bytes).
    """

    id: str
    title: str = ""
    link: str = ""
    authors: tuple[str, ...] = ()
    content: str = ""
    summary: str = ""
    published: str = ""
    updated: str = ""
    categories: tuple[str, ...] = ()
    enclosures: tuple[tuple[str, str, str], ...] = ()


Rows = dict[str, list[Seen]]
"""What a parser sees of a feed, by format."""


def seen(row: Mapping[str, Any]) -> Seen:
    """What a parser's program printed of an entry, in one form: times in UTC, words for HTML. A summary is
    HTML unless `plain`, and so is one that stands in for missing content.
    """
    content, summary = row.get("content") or "", row.get("summary") or ""
    read = _plain if row.get("plain") else words
    return Seen(
        **{name: str(row.get(name) or "").strip() for name in ("id", "title", "link")},
        authors=tuple(name.strip() for name in row.get("authors") or ()),
        content=(read if content == summary else words)(content),
        summary=read(summary),
        published=_instant(row.get("published")),
        updated=_instant(row.get("updated")),
        categories=tuple(row.get("categories") or ()),
        enclosures=tuple(tuple(str(part or "") for part in one) for one in row.get("enclosures") or ()),
    )


def words(text: str) -> str:
    """The words that HTML shows, and what kind of thing each picture, formula, sound and film is."""
    if not text.strip():
        return ""
    root = lxml_html.fragment_fromstring(text, create_parent="div")
    shown = [str(part) for part in root.itertext()]
    media = [f"[{el.tag}]" for el in root.iter("img", "audio", "video", "math", "svg")]
    return " ".join(" ".join([*shown, *media]).split())


def _instant(text: str | None) -> str:
    if not text:
        return ""
    at = datetime.fromisoformat(text).astimezone(UTC)
    return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def sites(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name, folder of its documents) of each site, published into `folder`."""
    yield "nasty", publish(HERE / "nasty", folder / "nasty")
    yield "example", publish(ROOT / "examples/site/posts", folder / "example")


def corpora(folder: Path) -> Iterator[tuple[str, Path]]:
    """As `sites`, of the blogs of the corpora, if they lie beside this checkout."""
    packed = SHARED / "corpora/posts.tar.gz"
    if packed.exists():
        unpack(packed, folder / "unpacked")
        for blog in sorted(path for path in (folder / "unpacked").iterdir() if path.is_dir()):
            yield blog.name, publish(blog, folder / "corpora" / blog.name)


def publish(posts: Path, folder: Path) -> Path:
    """The documents of a site of these posts."""
    shutil.copytree(posts, folder / "posts")
    (folder / "publisher.toml").write_text(SETTINGS, "utf-8")
    app = App(load(folder), clock=fixed(NOW), environ={})
    try:
        app.publish()
    finally:
        app.close()
    return folder / "public"


def truth(public: Path, format: str) -> list[Seen]:
    """What every parser should see of a feed, as the JSON Feed says it: Atom has an IRI for an id that is
    none, and RSS the id as it was.
    """
    items = json.loads((public / FORMATS["json"]).read_text("utf-8"))["items"]
    return [
        Seen(
            id=as_iri(item["id"], AUTHORITY) if format == "atom" else item["id"],
            title=item["title"],
            link=item["url"],
            authors=tuple(author["name"] for author in item.get("authors", ())),
            content=words(item.get("content_html") or ""),
            summary=_plain(item.get("summary") or ""),
            published=_instant(item["date_published"]),
            updated=_instant(item["date_modified"]),
            categories=tuple(item.get("tags", ())),
            enclosures=tuple(
                (one["url"], one["mime_type"], str(one["size_in_bytes"]))
                for one in item.get("attachments", ())
            ),
        )
        for item in items
    ]


def _plain(text: str) -> str:
    """The words of a plain text."""
    return " ".join(text.split())


def compare(
    parser: str,
    site: str,
    rows: Rows,
    public: Path,
    form: Callable[[Seen], Seen] = lambda entry: entry,
    used: set[int] | None = None,
) -> list[str]:
    """A line for each field of an entry that a parser saw otherwise than it is, but for the faults of parsers
    in differs.json, whose numbers are added to `used`. `form` brings what is true into the form of `rows`.
    """
    found: list[str] = []
    for format, entries in rows.items():
        by_id = {entry.id: entry for entry in entries}
        for true in map(form, truth(public, format)):
            one, id = by_id.get(true.id), true.id if site in OURS else ""
            if one is None:
                found.append(f"{format} {true.id}: missing")
                continue
            for name, (wanted, got) in differing(true, one).items():
                excuses = {n for n, fault in enumerate(FAULTS) if _excuses(fault, parser, format, name, id)}
                (used if used is not None else set()).update(excuses)
                if not excuses:
                    found.append(f"{format} {true.id}: {name} is {got!r:.200}, not {wanted!r:.200}")
    return found


def differing(true: Seen, found: Seen) -> dict[str, tuple[object, object]]:
    """The fields that differ, each with what is true and what was seen. A parser that has one field for
    content and summary may have either there.
    """
    whole, part = asdict(true), asdict(found)
    for each in (whole, part):
        each["authors"] = ", ".join(each["authors"])
    if not part["content"] and part["summary"] == whole["content"]:
        part |= {"content": part["summary"], "summary": whole["summary"]}
    if not whole["content"] and whole["summary"] in (part["content"], part["summary"]):
        part |= {"content": "", "summary": whole["summary"]}
    return {name: (whole[name], part[name]) for name in whole if whole[name] != part[name]}


def _excuses(fault: Mapping[str, Any], parser: str, format: str, field: str, id: str) -> bool:
    """Whether a fault explains a difference; of blogs that are not ours (`id` is "") in any entry."""
    return (
        fault["parser"] == parser
        and format in fault["formats"]
        and field in fault["fields"]
        and ("ids" not in fault or not id or id in fault["ids"])
    )


def golden(found: Mapping[str, Rows]) -> str:
    """What a golden file says: a line for each entry, long texts by their beginning and length."""
    sites = [
        f" {json.dumps(site)}: {{\n" + ",\n".join(_golden_rows(*item) for item in rows.items()) + "\n }"
        for site, rows in found.items()
    ]
    return "{\n" + ",\n".join(sites) + "\n}\n"


def _golden_rows(format: str, entries: Iterable[Seen]) -> str:
    rows = ({name: value for name, value in asdict(shortened(entry)).items() if value} for entry in entries)
    lines = ",\n".join(f"   {json.dumps(row, ensure_ascii=False)}" for row in rows)
    return f"  {json.dumps(format)}: [\n{lines}\n  ]"


def shortened(entry: Seen) -> Seen:
    """An entry with each long text by its beginning, its length and a hash of it."""
    long = {name: value for name, value in asdict(entry).items() if len(value) > SHOWN and value is not None}
    return replace(
        entry,
        **{
            name: f"{value[:SHOWN]}... ({len(value)}, {hashlib.sha256(value.encode()).hexdigest()[:8]})"
            for name, value in long.items()
            if isinstance(value, str)
        },
    )


def read_golden(parser: str) -> dict[str, Rows]:
    """What a golden file says that a parser saw, by site."""
    sites = json.loads((GOLDENS / f"{parser}.json").read_text("utf-8"))
    return {
        site: {
            format: [Seen(**{name: _tuples(value) for name, value in entry.items()}) for entry in entries]
            for format, entries in rows.items()
        }
        for site, rows in sites.items()
    }


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
