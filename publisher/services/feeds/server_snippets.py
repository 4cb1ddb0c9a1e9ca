"""Configuration for a web server that serves public/ by itself, so that it keeps the rules that each of them
breaks as it comes: media types of feeds, Vary, conditions by date, tags of encodings, moved addresses.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from publisher.core.errors import UsageError
from publisher.core.feeds.feed_documents import may_be_feed, read_feed
from publisher.core.feeds.redirects import STATUS, Redirect
from publisher.core.media_types import DATA, FEEDS, PAGE, TYPES, for_programs, policy
from publisher.services.deps import Deps

AGE = "public, max-age=60"
TABLES = {
    type: [suffix for suffix, of in TYPES.items() if of == type] for type in dict.fromkeys(TYPES.values())
}
"""The suffixes of each media type."""

VIEWERS = [suffix.removeprefix(".") for suffix, type in TYPES.items() if not policy(type)]
"""What browsers show in a viewer of their own, which a policy would only break."""

PUBLIC = [suffix.removeprefix(".") for suffix in TYPES if for_programs(f"x{suffix}")]
"""What programs of every origin may read."""

FOR_EVER = "public, max-age=31536000, immutable"
_URL = ":/?#[]@!$&'()*+,;=%~-._"
_INDEXES = "index.html index.xml index.atom index.json"
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


_HIDDEN = "# Hidden and unfinished files, and what stands beside documents; /.well-known/ is left alone."
_APP = "|".join(_APP_PATHS)
_POLICY = {"page": PAGE.decode(), "data": DATA.decode()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Feed:
    path: str
    type: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """What a server must know: `base` is the path of web.public_url, with a slash at both ends, and `host`
    what Caddy calls a site of that address. `moves` are (path as it is when decoded, status, target).
    """

    folder: Path
    base: str
    host: str
    listen: str
    feeds: Sequence[_Feed]
    moves: Sequence[tuple[str, int, str]]

    def addresses(self, path: str) -> str:
        """A regular expression of the addresses that a moved document had: a folder also without its slash,
        and every one with its encodings."""
        whole = re.escape(self.base + path)
        return f"^{whole.removesuffix('/')}/?$" if path.endswith("/") else rf"^{whole}(\.gz|\.br)?$"


def snippet(parts: Deps, server: str, folder: Path, listen: str) -> str:
    """Configuration for `server` (a key of SERVERS), of what was published into `folder`; `listen` is where
    `publisher run` answers. Raises UsageError, StoreError, OutputError.
    """
    if server not in SERVERS:
        raise UsageError("SERVER", f"no snippet for {server!r}", f"there are: {', '.join(SERVERS)}")
    site = urlsplit(parts.site.public_url)
    served = _Served(
        folder=folder,
        base=unquote(site.path),
        host=f"http://{site.netloc}" if site.scheme == "http" else site.netloc,
        listen=listen,
        feeds=_feeds(parts),
        moves=[_moved(parts, move) for move in parts.store.moves()],
    )
    return SERVERS[server](served)


def _feeds(parts: Deps) -> list[_Feed]:
    """Every feed as it stands, but archives: those have the types of their suffixes."""
    found: list[_Feed] = []
    for path in parts.store.documents():
        data = parts.shelf.read(path) if may_be_feed(path) and not path.startswith("archive/") else None
        feed = read_feed(data) if data else None
        if feed is not None:
            links = [("self", feed.self_url), *(("hub", hub) for hub in feed.hubs)]
            link = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links if url)
            found.append(_Feed(path=path, type=FEEDS[feed.kind], link=link))
    return found


def _moved(parts: Deps, move: Redirect) -> tuple[str, int, str]:
    target = move.target if "://" in move.target else parts.site.public_url + move.target
    path = move.path.removesuffix("index.html")
    return path, STATUS[move.fate], quote(target, safe=_URL) if move.target else ""


def _word(text: str) -> str:
    """One word of nginx's or Apache's configuration, whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _nginx(site: _Served) -> str:
    common = [
        'add_header Access-Control-Allow-Origin "*" always;',
        'add_header X-Content-Type-Options "nosniff" always;',
    ]
    safe = [
        'add_header X-Content-Type-Options "nosniff" always;',
        "add_header Content-Security-Policy $publisher_policy;",
        "add_header Access-Control-Allow-Origin $publisher_readers;",
    ]
    allow = 'if ($request_method !~ "^(GET|HEAD)$") { add_header Allow "GET, HEAD" always; return 405; }'
    types = "; ".join(
        f"{type.partition(';')[0]} {' '.join(suffix.removeprefix('.') for suffix in suffixes)}"
        for type, suffixes in TABLES.items()
    )
    texts = sorted({t.partition(";")[0] for t in TABLES if "charset" in t} - {"text/html"})
    lines = [
        "# For a server block of nginx, after `publisher feeds snippet nginx`.",
        "gzip off;                    # nginx's own gzip makes tags weak and knows no length",
        "gzip_static on;              # the .gz beside each document",
        "gzip_vary on;                # Vary also where the plain document is sent",
        "# brotli_static on;          # with libnginx-mod-http-brotli-static",
        "etag on;",
        "if_modified_since before;    # as it comes, nginx compares for equality",
        f"types {{ {types}; }}",
        "default_type application/octet-stream;",
        f"charset utf-8; charset_types {' '.join(texts)};",
        "# Pages may show pictures from anywhere and run nothing; what else a browser opens may do nothing.",
        f'set $publisher_policy "{_POLICY["data"]}";',
        f'if ($uri ~* "(\\.html?|/)$") {{ set $publisher_policy "{_POLICY["page"]}"; }}',
        f'if ($uri ~* "\\.({"|".join(VIEWERS)})$") {{ set $publisher_policy ""; }}',
        'set $publisher_readers "";   # programs of every origin may read data',
        f'if ($uri ~* "\\.({"|".join(PUBLIC)})$") {{ set $publisher_readers "*"; }}',
        "",
    ]
    for path, status, target in site.moves:
        answer = f"return {status} {_word(target)};" if target else f"return {status};"
        lines.append(f"location ~ {_word(site.addresses(path))} {{ {answer} }}")
    for feed in site.feeds:
        lines += [
            f"location = {_word(site.base + feed.path)} {{",
            f"    alias {_word(f'{site.folder}/{feed.path}')};",
            f"    types {{ }} default_type {feed.type};",
            f'    add_header Cache-Control "{AGE}" always;',
            f'    add_header Content-Security-Policy "{_POLICY["data"]}";',
            f"    add_header Link '{feed.link}' always;",
            *(f"    {line}" for line in (*common, allow)),
            "}",
        ]
    lines += [
        f"location {_word(site.base + 'assets/')} {{",
        f"    alias {_word(f'{site.folder}/assets/')};",
        f'    add_header Cache-Control "{FOR_EVER}";',
        *(f"    {line}" for line in safe),
        "}",
        f"location {_word(site.base + 'archive/')} {{",
        f"    alias {_word(f'{site.folder}/archive/')};",
        "    types { application/atom+xml atom; application/rss+xml xml; application/feed+json json; }",
        f'    add_header Cache-Control "{AGE}" always;',
        *(f"    {line}" for line in (*common, safe[1])),
        "}",
        _HIDDEN,
        r'location ~ "(/\.(?!well-known(/|$))|\.(part|gz|br)$)" { return 404; }',
        f"location ~ {_word(f'^{re.escape(site.base)}({_APP})(/|$)')} {{",
        f"    proxy_pass http://{site.listen};",
        "    proxy_set_header Host $host;",
        "    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "    access_log off;          # a token in a path is a key",
        "}",
        f"location {_word(site.base)} {{",
        f"    alias {_word(f'{site.folder}/')};",
        f"    index {_INDEXES};",
        f'    add_header Cache-Control "{AGE}";',
        *(f"    {line}" for line in (*safe, allow)),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _apache(site: _Served) -> str:
    folder = str(site.folder)
    lines = [
        "# For a VirtualHost of Apache, after `publisher feeds snippet apache`.",
        "# a2enmod headers deflate alias dir mime proxy_http",
        "# As it comes, mod_deflate's tags never match again: no 304.",
        "DeflateAlterETag NoChange",
        f"Alias {_word(site.base)} {_word(folder + '/')}",
        f"<Directory {_word(folder)}>",
        "    Require all granted",
        "    Options -Indexes -MultiViews",
        "    AllowOverride None",
        f"    DirectoryIndex {_INDEXES}",
        "    FileETag MTime Size",
        "    AddOutputFilterByType DEFLATE application/atom+xml application/rss+xml application/feed+json",
        "    AddOutputFilterByType DEFLATE text/html text/css application/json application/xml text/x-opml",
        "    Header merge Vary Accept-Encoding",
        f'    Header set Cache-Control "{AGE}"',
        '    Header set X-Content-Type-Options "nosniff"',
        f'    Header set Content-Security-Policy "{_POLICY["data"]}"',
        *(f"    AddType {_word(type)} {' '.join(suffixes)}" for type, suffixes in TABLES.items()),
        r'    <FilesMatch "\.html?$">',
        f'        Header set Content-Security-Policy "{_POLICY["page"]}"',
        "    </FilesMatch>",
        f'    <FilesMatch "(?i)\\.({"|".join(VIEWERS)})$">',
        "        Header unset Content-Security-Policy",
        "    </FilesMatch>",
        f'    <FilesMatch "(?i)\\.({"|".join(PUBLIC)})$">',
        '        Header set Access-Control-Allow-Origin "*"',
        "    </FilesMatch>",
        "</Directory>",
        f"<Directory {_word(folder + '/assets')}>",
        f'    Header set Cache-Control "{FOR_EVER}"',
        "</Directory>",
        _HIDDEN,
        r'RedirectMatch 404 "(/\.(?!well-known(/|$))|\.(part|gz|br)$)"',
    ]
    for path, status, target in site.moves:
        where = f" {_word(unquote(target))}" if target else ""
        lines.append(f"RedirectMatch {status} {_word(site.addresses(path))}{where}")
    for feed in site.feeds:
        lines += [
            f"<LocationMatch {_word(f'^{re.escape(site.base + feed.path)}$')}>",
            f"    ForceType {feed.type}",
            '    Header set Access-Control-Allow-Origin "*"',
            f"    Header set Link '{feed.link.replace('%', '%%')}'",
            "</LocationMatch>",
        ]
    lines += [f'ProxyPass {_word(site.base + name)} "http://{site.listen}/{name}"' for name in _APP_PATHS]
    return "\n".join(lines) + "\n"


def _caddy(site: _Served) -> str:
    def matcher(name: str, pattern: str) -> str:
        return f"@{name} path_regexp `{pattern.replace('`', '[`]')}`"

    lines = [
        "# A site of Caddy, after `publisher feeds snippet caddy`.",
        f"{site.host} {{",
        "    route {",
    ]
    for n, (path, status, target) in enumerate(site.moves):
        lines += [
            f"        {matcher(f'moved{n}', site.addresses(path))}",
            f"        handle @moved{n} {{",
            f"            redir `{target}` {status}" if target else f"            respond {status}",
            "        }",
        ]
    prefix = re.escape(site.base)
    lines += [
        f"        {matcher('app', f'^{prefix}({_APP})(/|$)')}",
        "        handle @app {",
        f"            reverse_proxy {site.listen}",
        "        }",
        f"        {_HIDDEN}",
        "        @hidden {",
        r"            path_regexp `(/\.|\.(part|gz|br)$)`",
        "            not path /.well-known/*",
        "        }",
        "        handle @hidden {",
        "            error 404",
        "        }",
        f"        handle_path `{site.base}*` {{",
        f"            root * `{site.folder}`",
        "            route {",
        "                # Caddy says Vary only where it sends an encoding.",
        "                header {",
        "                    Vary Accept-Encoding",
        "                    defer",
        "                }",
        f'                header Cache-Control "{AGE}"',
        f'                header /assets/* Cache-Control "{FOR_EVER}"',
        "                header X-Content-Type-Options nosniff",
        f'                header Content-Security-Policy "{_POLICY["data"]}"',
        "                @page path / */ *.html *.htm",
        f'                header @page Content-Security-Policy "{_POLICY["page"]}"',
        f"                @viewer path {' '.join(f'*.{suffix}' for suffix in VIEWERS)}",
        "                header @viewer -Content-Security-Policy",
        f"                @public path {' '.join(f'*.{suffix}' for suffix in PUBLIC)}",
        "                header @public Access-Control-Allow-Origin *",
    ]
    for n, (type, suffixes) in enumerate(TABLES.items()):
        if not type.startswith("text/html"):
            lines += [
                f"                @type{n} path {' '.join(f'*{suffix}' for suffix in suffixes)}",
                f'                header @type{n} Content-Type "{type}"',
            ]
    for n, feed in enumerate(site.feeds):
        folder, _, name = feed.path.rpartition("/")
        where = f"^/{re.escape(feed.path)}$"
        if name in _INDEXES.split() and folder:
            where = f"^/{re.escape(folder)}/({re.escape(name)})?$"
        lines += [
            f"                {matcher(f'feed{n}', where)}",
            f"                header @feed{n} {{",
            f"                    Content-Type {feed.type}",
            f'                    Content-Security-Policy "{_POLICY["data"]}"',
            "                    Access-Control-Allow-Origin *",
            f"                    Link `{feed.link}`",
            "                    defer",
            "                }",
        ]
    lines += [
        "                file_server {",
        f"                    index {_INDEXES}",
        "                    precompressed br gzip",
        "                }",
        "            }",
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
    rows = [f"/{quote(path)} {target or '/404.html'} {status}" for path, status, target in site.moves]
    return "\n".join(rows) + "\n" if rows else ""


SERVERS: Mapping[str, Callable[[_Served], str]] = {
    "nginx": _nginx,
    "apache": _apache,
    "caddy": _caddy,
    "headers": _headers,
    "redirects": _redirects,
}
"""What there is a snippet for."""
