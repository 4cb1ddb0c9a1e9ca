"""Configuration for a web server that serves public/ by itself, so that it keeps the rules that each of them
breaks as it comes: media types of feeds, Vary, conditions by date, tags of encodings, moved addresses.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from publisher.core.errors import UsageError
from publisher.core.feeddocs import Kind, may_be_feed, read_feed
from publisher.core.moves import STATUS, Move
from publisher.services.parts import Parts

AGE = "public, max-age=60"
FOR_EVER = "public, max-age=31536000, immutable"
_TYPES = {
    Kind.ATOM: "application/atom+xml",
    Kind.RSS: "application/rss+xml",
    Kind.JSON: "application/feed+json",
}
_APP_PATHS = (
    "subscribe",
    "confirm",
    "unsubscribe",
    "preferences",
    "account",
    "view",
    "api",
    "hooks",
    "healthz",
    "readyz",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Feed:
    path: str
    type: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """What a server must know: `base` is the path of web.public_url, with a slash at both ends."""

    folder: Path
    base: str
    host: str
    listen: str
    feeds: Sequence[_Feed]
    moves: Sequence[tuple[str, int, str]]


def snippet(parts: Parts, server: str, folder: Path, listen: str) -> str:
    """Configuration for `server` (a key of SERVERS), of what was published into `folder`; `listen` is where
    `publisher run` answers. Raises UsageError, StoreError, OutputError.
    """
    if server not in SERVERS:
        raise UsageError("SERVER", f"no snippet for {server!r}", f"there are: {', '.join(SERVERS)}")
    site = urlsplit(parts.site.public_url)
    served = _Served(
        folder=folder,
        base=site.path,
        host=site.hostname or "",
        listen=listen,
        feeds=_feeds(parts),
        moves=[_moved(parts, move) for move in parts.store.moves()],
    )
    return SERVERS[server](served)


def _feeds(parts: Parts) -> list[_Feed]:
    """Every feed as it stands, but archives: those have the types of their suffixes."""
    found: list[_Feed] = []
    for path in parts.store.documents():
        data = parts.shelf.read(path) if may_be_feed(path) and not path.startswith("archive/") else None
        feed = read_feed(data) if data else None
        if feed is not None:
            links = [("self", feed.self_url), *(("hub", hub) for hub in feed.hubs)]
            link = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links if url)
            found.append(_Feed(path=path, type=_TYPES[feed.kind], link=link))
    return found


def _moved(parts: Parts, move: Move) -> tuple[str, int, str]:
    target = move.target if "://" in move.target else parts.site.public_url + move.target
    path = move.path.removesuffix("index.html")
    return quote(path), STATUS[move.fate], target if move.target else ""


def _nginx(site: _Served) -> str:
    common = [
        'add_header Access-Control-Allow-Origin "*" always;',
        'add_header X-Content-Type-Options "nosniff" always;',
    ]
    allow = 'if ($request_method !~ "^(GET|HEAD)$") { add_header Allow "GET, HEAD" always; return 405; }'
    lines = [
        "# For a server block of nginx, after `publisher feeds snippet nginx`.",
        "gzip off;                    # nginx's own gzip makes tags weak and knows no length",
        "gzip_static on;              # the .gz beside each document",
        "gzip_vary on;                # Vary also where the plain document is sent",
        "# brotli_static on;          # with libnginx-mod-http-brotli-static",
        "etag on;",
        "if_modified_since before;    # as it comes, nginx compares for equality",
        "",
    ]
    for path, status, target in site.moves:
        answer = f'return {status} "{target}";' if target else f"return {status};"
        lines.append(f'location = "{site.base}{path}" {{ {answer} }}')
    for feed in site.feeds:
        lines += [
            f'location = "{site.base}{feed.path}" {{',
            f'    alias "{site.folder}/{feed.path}";',
            f"    types {{ }} default_type {feed.type};",
            f'    add_header Cache-Control "{AGE}" always;',
            f"    add_header Link '{feed.link}' always;",
            *(f"    {line}" for line in (*common, allow)),
            "}",
        ]
    lines += [
        f'location "{site.base}assets/" {{ alias "{site.folder}/assets/"; '
        f'add_header Cache-Control "{FOR_EVER}"; }}',
        f'location "{site.base}archive/" {{',
        f'    alias "{site.folder}/archive/";',
        "    types { application/atom+xml atom; application/rss+xml xml; application/feed+json json; }",
        f'    add_header Cache-Control "{AGE}" always;',
        *(f"    {line}" for line in common),
        "}",
        "# Hidden and unfinished files, and what stands beside documents.",
        r"location ~ (/\.|\.(part|gz|br)$) { return 404; }",
        f"location ~ ^{site.base}({'|'.join(_APP_PATHS)})(/|$) {{",
        f"    proxy_pass http://{site.listen};",
        "    proxy_set_header Host $host;",
        "    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "    access_log off;          # a token in a path is a key",
        "}",
        f'location "{site.base}" {{',
        f'    alias "{site.folder}/";',
        "    index index.html;",
        f'    add_header Cache-Control "{AGE}";',
        f"    {allow}",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _apache(site: _Served) -> str:
    lines = [
        "# For a VirtualHost of Apache, after `publisher feeds snippet apache`.",
        "# a2enmod headers deflate alias proxy_http",
        "# As it comes, mod_deflate's tags never match again: no 304.",
        "DeflateAlterETag NoChange",
        f'Alias "{site.base}" "{site.folder}/"',
        f'<Directory "{site.folder}">',
        "    Require all granted",
        "    Options -Indexes -MultiViews",
        "    AllowOverride None",
        "    FileETag MTime Size",
        "    AddOutputFilterByType DEFLATE application/atom+xml application/rss+xml application/feed+json",
        "    AddOutputFilterByType DEFLATE text/html text/css application/json application/xml text/x-opml",
        "    Header merge Vary Accept-Encoding",
        f'    Header set Cache-Control "{AGE}"',
        '    Header set X-Content-Type-Options "nosniff"',
        "</Directory>",
        f'<Directory "{site.folder}/assets">',
        f'    Header set Cache-Control "{FOR_EVER}"',
        "</Directory>",
        r'<FilesMatch "(^\.|\.(part|gz|br)$)">',
        "    Require all denied",
        "</FilesMatch>",
        "AddType application/atom+xml .atom",
        "AddType text/x-opml .opml",
    ]
    for path, status, target in site.moves:
        lines.append(f'RedirectMatch {status} "^{site.base}{path}$"' + (f' "{target}"' if target else ""))
    for feed in site.feeds:
        lines += [
            f'<Location "{site.base}{feed.path}">',
            f"    ForceType {feed.type}",
            '    Header set Access-Control-Allow-Origin "*"',
            f"    Header set Link '{feed.link}'",
            "</Location>",
        ]
    lines += [f'ProxyPass "{site.base}{name}" "http://{site.listen}/{name}"' for name in _APP_PATHS]
    return "\n".join(lines) + "\n"


def _caddy(site: _Served) -> str:
    lines = [
        "# A site of Caddy, after `publisher feeds snippet caddy`.",
        f"{site.host} {{",
    ]
    for path, status, target in site.moves:
        answer = f"redir {target} {status}" if target else f"respond {status}"
        lines.append(f"    handle {site.base}{path} {{\n        {answer}\n    }}")
    names = " ".join(f"{site.base}{name} {site.base}{name}/*" for name in _APP_PATHS)
    lines += [
        f"    @app path {names}",
        "    handle @app {",
        f"        reverse_proxy {site.listen}",
        "    }",
        f"    handle_path {site.base}* {{",
        f"        root * {site.folder}",
        "        # Caddy says Vary only where it sends an encoding.",
        "        header {",
        "            Vary Accept-Encoding",
        "            defer",
        "        }",
        f'        header Cache-Control "{AGE}"',
        f'        header /assets/* Cache-Control "{FOR_EVER}"',
        "        header X-Content-Type-Options nosniff",
    ]
    for feed in site.feeds:
        lines += [
            f"        header /{feed.path} {{",
            f"            Content-Type {feed.type}",
            "            Access-Control-Allow-Origin *",
            f"            Link `{feed.link}`",
            "            defer",
            "        }",
        ]
    lines += [
        "        file_server {",
        "            precompressed br gzip",
        "            hide .* *.part *.gz *.br",
        "        }",
        "    }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _headers(site: _Served) -> str:
    """`_headers` of Netlify, Cloudflare Pages and others. They compress and tag by themselves."""
    lines = ["/assets/*", f"  Cache-Control: {FOR_EVER}"]
    for feed in site.feeds:
        lines += [
            f"/{feed.path}",
            f"  Content-Type: {feed.type}",
            "  Access-Control-Allow-Origin: *",
            f"  Cache-Control: {AGE}",
            f"  Link: {feed.link}",
        ]
    return "\n".join(lines) + "\n"


def _redirects(site: _Served) -> str:
    """`_redirects` of the same hosts."""
    rows = [f"/{path} {target or '/404.html'} {status}" for path, status, target in site.moves]
    return "\n".join(rows) + "\n" if rows else ""


SERVERS: Mapping[str, Callable[[_Served], str]] = {
    "nginx": _nginx,
    "apache": _apache,
    "caddy": _caddy,
    "headers": _headers,
    "redirects": _redirects,
}
"""What there is a snippet for."""
