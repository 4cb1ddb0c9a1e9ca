"""Configuration for web servers that serve public/ themselves, from templates/servers/. As installed, each of
these servers breaks some rule: media types of feeds, Vary, conditional requests by date, ETags of encodings,
moved addresses.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from publisher.core.errors import UsageError
from publisher.core.feeds.documents import (
    DATA_POLICY,
    FEED_TYPES,
    MEDIA_TYPES,
    PAGE_POLICY,
    PREFLIGHT,
    allows_any_origin,
    content_security_policy,
    may_be_feed,
    read_feed,
)
from publisher.core.feeds.redirects import HTTP_STATUS
from publisher.core.posts.page_paths import APP_PATHS
from publisher.core.subscribers.legacy_links import first_names
from publisher.ports import Store
from publisher.services.deps import Deps, SiteRules
from publisher.services.feeds.documents import ARCHIVE_FOLDER

SERVERS: Mapping[str, str] = {
    "nginx": "nginx.conf",
    "apache": "apache.conf",
    "caddy": "Caddyfile",
    "headers": "_headers",
    "redirects": "_redirects",
}
"""What `publisher feeds snippet` can write, by its name: the template in templates/servers/."""

INDEXES = ("index.html", "index.xml", "index.atom", "index.json")

SUFFIXES = {suffix.removeprefix("."): type for suffix, type in MEDIA_TYPES.items()}

SUFFIXES_BY_TYPE = [
    (type, [suffix for suffix, of in SUFFIXES.items() if of == type])
    for type in dict.fromkeys(SUFFIXES.values())
]

TABLES: Mapping[str, object] = {
    "types": SUFFIXES_BY_TYPE,
    # nginx adds the charset to text/html by itself.
    "text_types": sorted(
        {t.partition(";")[0] for t, _ in SUFFIXES_BY_TYPE if "charset" in t} - {"text/html"}
    ),
    # What browsers show in a viewer of their own, which a content security policy would only break.
    "viewer_suffixes": [suffix for suffix, type in SUFFIXES.items() if not content_security_policy(type)],
    # What programs of every origin may read.
    "shared_suffixes": [suffix for suffix in SUFFIXES if allows_any_origin(f"x.{suffix}")],
    "policies": {"page": PAGE_POLICY.decode(), "data": DATA_POLICY.decode()},
    "preflight": PREFLIGHT,
    "cache": {"briefly": "public, max-age=60", "forever": "public, max-age=31536000, immutable"},
    "indexes": INDEXES,
    "app_paths": APP_PATHS,
}
"""What the templates are given besides the site: the tables that `publisher run` serves by."""

_URL_CHARACTERS = ":/?#[]@!$&'()*+,;=%~-._"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedFeed:
    """A feed under public/, with its media type and the value of its Link header. `addresses` is a regular
    expression of the paths it answers to, from the slash of public/ on: an index file also has that of its
    folder.
    """

    path: str
    type: str
    link: str
    addresses: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedMove:
    """An address that moved or ended. `path` is decoded and relative to public/; `target` is a URL, "" where
    it ended; `addresses` is a regular expression of the paths it had: a folder also without its slash, a file
    with its encodings.
    """

    path: str
    status: int
    target: str
    addresses: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedSite:
    """What a web server must know. `base` is the path of web.public_url, with a slash at both ends, `host`
    what Caddy calls a site of that address, and `listen` where `publisher run` answers.
    """

    folder: str
    base: str
    host: str
    listen: str
    feeds: Sequence[ServedFeed]
    moves: Sequence[ServedMove]


def server_config(deps: Deps, server: str, folder: Path, listen: str) -> str:
    """Configuration for `server` (a key of SERVERS), of what was published into `folder`; `listen` is where
    `publisher run` answers. Raises UsageError, StoreError, OutputError; TemplateError: the server has no way
    to write a value.
    """
    if server not in SERVERS:
        raise UsageError("SERVER", f"no snippet for {server!r}", f"there are: {', '.join(SERVERS)}")
    url = urlsplit(deps.rules.site.public_url)
    base = unquote(url.path)
    site = ServedSite(
        folder=str(folder),
        base=base,
        host=f"http://{url.netloc}" if url.scheme == "http" else url.netloc,
        listen=listen,
        feeds=_served_feeds(deps),
        moves=_served_moves(deps.rules, deps.adapters.store, base),
    )
    legacy = [name for name in first_names(deps.rules.legacy_links) if name not in APP_PATHS]
    tables = {**TABLES, "app_paths": (*APP_PATHS, *legacy)}
    return deps.adapters.renderer.server_config(SERVERS[server], {"site": site, **tables})


def _served_feeds(deps: Deps) -> list[ServedFeed]:
    """Every feed, except archives: those have the types of their suffixes."""
    found: list[ServedFeed] = []
    for path in deps.adapters.store.documents():
        data = (
            deps.adapters.public_folder.read(path)
            if may_be_feed(path) and not path.startswith(ARCHIVE_FOLDER)
            else None
        )
        feed = read_feed(data) if data else None
        if feed is not None:
            links = [("self", feed.self_url), *(("hub", hub) for hub in feed.hubs)]
            link = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links if url)
            folder, _, name = path.rpartition("/")
            addresses = f"^/{re.escape(path)}$"
            if name in INDEXES and folder:
                addresses = f"^/{re.escape(folder)}/({re.escape(name)})?$"
            found.append(ServedFeed(path=path, type=FEED_TYPES[feed.kind], link=link, addresses=addresses))
    return found


def _served_moves(rules: SiteRules, store: Store, base: str) -> list[ServedMove]:
    """Every address that moved or ended."""
    found: list[ServedMove] = []
    for move in store.all_redirects():
        path = move.path.removesuffix("index.html")
        whole = re.escape(base + path)
        url = move.target if "://" in move.target else rules.site.public_url + move.target
        found.append(
            ServedMove(
                path=path,
                status=HTTP_STATUS[move.kind],
                target=quote(url, safe=_URL_CHARACTERS) if move.target else "",
                addresses=f"^{whole[:-1]}/?$" if path.endswith("/") else rf"^{whole}(\.gz|\.br)?$",
            )
        )
    return found
