"""Configuration for web servers that serve public/ themselves. As installed, each of them breaks some rule:
media types of feeds, Vary, conditional requests by date, ETags of encodings, moved addresses.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from publisher.core.errors import UsageError
from publisher.core.feeds.documents import (
    DATA_POLICY,
    FEED_TYPES,
    MEDIA_TYPES,
    PAGE_POLICY,
    allows_any_origin,
    content_security_policy,
)
from publisher.core.feeds.feed_documents import may_be_feed, read_feed
from publisher.core.feeds.redirects import HTTP_STATUS
from publisher.services.deps import Deps
from publisher.services.feeds.documents import ARCHIVE_FOLDER

CACHE_BRIEFLY = "public, max-age=60"
CACHE_FOREVER = "public, max-age=31536000, immutable"

SUFFIXES_BY_TYPE = {
    type: [suffix for suffix, of in MEDIA_TYPES.items() if of == type]
    for type in dict.fromkeys(MEDIA_TYPES.values())
}

VIEWER_SUFFIXES = [
    suffix.removeprefix(".") for suffix, type in MEDIA_TYPES.items() if not content_security_policy(type)
]
"""What browsers show in a viewer of their own, which a content security policy would only break."""

CORS_SUFFIXES = [suffix.removeprefix(".") for suffix in MEDIA_TYPES if allows_any_origin(f"x{suffix}")]
"""What programs of every origin may read."""

APP_PATHS = (
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
"""What `publisher run` answers itself."""

_APP = "|".join(APP_PATHS)
_HIDDEN = "# Hidden and unfinished files, and what stands beside documents; /.well-known/ is left alone."
_INDEXES = "index.html index.xml index.atom index.json"
_POLICY = {"page": PAGE_POLICY.decode(), "data": DATA_POLICY.decode()}
_URL_CHARACTERS = ":/?#[]@!$&'()*+,;=%~-._"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedFeed:
    """A feed under public/, with its media type and the value of its Link header."""

    path: str
    type: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedSite:
    """What a web server must know. `base` is the path of web.public_url, with a slash at both ends, and
    `host` what Caddy calls a site of that address. `moves` are (decoded path, status, target).
    """

    folder: Path
    base: str
    host: str
    listen: str
    feeds: Sequence[ServedFeed]
    moves: Sequence[tuple[str, int, str]]

    def addresses(self, path: str) -> str:
        """A regular expression of the addresses that a moved document had: a folder also without its slash,
        and a file with its encodings.
        """
        whole = re.escape(self.base + path)
        return f"^{whole.removesuffix('/')}/?$" if path.endswith("/") else rf"^{whole}(\.gz|\.br)?$"


def server_config(deps: Deps, server: str, folder: Path, listen: str) -> str:
    """Configuration for `server` (a key of SERVERS), of what was published into `folder`; `listen` is where
    `publisher run` answers. Raises UsageError, StoreError, OutputError.
    """
    if server not in SERVERS:
        raise UsageError("SERVER", f"no snippet for {server!r}", f"there are: {', '.join(SERVERS)}")
    url = urlsplit(deps.rules.site.public_url)
    moves: list[tuple[str, int, str]] = []
    for move in deps.adapters.store.all_redirects():
        target = move.target if "://" in move.target else deps.rules.site.public_url + move.target
        quoted = quote(target, safe=_URL_CHARACTERS) if move.target else ""
        moves.append((move.path.removesuffix("index.html"), HTTP_STATUS[move.kind], quoted))
    site = ServedSite(
        folder=folder,
        base=unquote(url.path),
        host=f"http://{url.netloc}" if url.scheme == "http" else url.netloc,
        listen=listen,
        feeds=_served_feeds(deps),
        moves=moves,
    )
    return SERVERS[server](site)


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
            found.append(ServedFeed(path=path, type=FEED_TYPES[feed.kind], link=link))
    return found


def _quoted(text: str) -> str:
    """One word of nginx's or Apache's configuration, whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def nginx_config(site: ServedSite) -> str:
    """For a server block of nginx."""
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
        for type, suffixes in SUFFIXES_BY_TYPE.items()
    )
    texts = sorted({t.partition(";")[0] for t in SUFFIXES_BY_TYPE if "charset" in t} - {"text/html"})
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
        f'if ($uri ~* "\\.({"|".join(VIEWER_SUFFIXES)})$") {{ set $publisher_policy ""; }}',
        'set $publisher_readers "";   # programs of every origin may read data',
        f'if ($uri ~* "\\.({"|".join(CORS_SUFFIXES)})$") {{ set $publisher_readers "*"; }}',
        "",
    ]
    for path, status, target in site.moves:
        answer = f"return {status} {_quoted(target)};" if target else f"return {status};"
        lines.append(f"location ~ {_quoted(site.addresses(path))} {{ {answer} }}")
    for feed in site.feeds:
        lines += [
            f"location = {_quoted(site.base + feed.path)} {{",
            f"    alias {_quoted(f'{site.folder}/{feed.path}')};",
            f"    types {{ }} default_type {feed.type};",
            f'    add_header Cache-Control "{CACHE_BRIEFLY}" always;',
            f'    add_header Content-Security-Policy "{_POLICY["data"]}";',
            f"    add_header Link '{feed.link}' always;",
            *(f"    {line}" for line in (*common, allow)),
            "}",
        ]
    lines += [
        f"location {_quoted(site.base + 'assets/')} {{",
        f"    alias {_quoted(f'{site.folder}/assets/')};",
        f'    add_header Cache-Control "{CACHE_FOREVER}";',
        *(f"    {line}" for line in safe),
        "}",
        f"location {_quoted(site.base + 'archive/')} {{",
        f"    alias {_quoted(f'{site.folder}/archive/')};",
        "    types { application/atom+xml atom; application/rss+xml xml; application/feed+json json; }",
        f'    add_header Cache-Control "{CACHE_BRIEFLY}" always;',
        *(f"    {line}" for line in (*common, safe[1])),
        "}",
        _HIDDEN,
        r'location ~ "(/\.(?!well-known(/|$))|\.(part|gz|br)$)" { return 404; }',
        f"location ~ {_quoted(f'^{re.escape(site.base)}({_APP})(/|$)')} {{",
        f"    proxy_pass http://{site.listen};",
        "    proxy_set_header Host $host;",
        "    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "    access_log off;          # a token in a path is a key",
        "}",
        f"location {_quoted(site.base)} {{",
        f"    alias {_quoted(f'{site.folder}/')};",
        f"    index {_INDEXES};",
        f'    add_header Cache-Control "{CACHE_BRIEFLY}";',
        *(f"    {line}" for line in (*safe, allow)),
        "}",
    ]
    return "\n".join(lines) + "\n"


def apache_config(site: ServedSite) -> str:
    """For a VirtualHost of Apache."""
    folder = str(site.folder)
    lines = [
        "# For a VirtualHost of Apache, after `publisher feeds snippet apache`.",
        "# a2enmod headers deflate alias dir mime proxy_http",
        "# As it comes, mod_deflate's tags never match again: no 304.",
        "DeflateAlterETag NoChange",
        f"Alias {_quoted(site.base)} {_quoted(folder + '/')}",
        f"<Directory {_quoted(folder)}>",
        "    Require all granted",
        "    Options -Indexes -MultiViews",
        "    AllowOverride None",
        f"    DirectoryIndex {_INDEXES}",
        "    FileETag MTime Size",
        "    AddOutputFilterByType DEFLATE application/atom+xml application/rss+xml application/feed+json",
        "    AddOutputFilterByType DEFLATE text/html text/css application/json application/xml text/x-opml",
        "    Header merge Vary Accept-Encoding",
        f'    Header set Cache-Control "{CACHE_BRIEFLY}"',
        '    Header set X-Content-Type-Options "nosniff"',
        f'    Header set Content-Security-Policy "{_POLICY["data"]}"',
        *(f"    AddType {_quoted(type)} {' '.join(suffixes)}" for type, suffixes in SUFFIXES_BY_TYPE.items()),
        r'    <FilesMatch "\.html?$">',
        f'        Header set Content-Security-Policy "{_POLICY["page"]}"',
        "    </FilesMatch>",
        f'    <FilesMatch "(?i)\\.({"|".join(VIEWER_SUFFIXES)})$">',
        "        Header unset Content-Security-Policy",
        "    </FilesMatch>",
        f'    <FilesMatch "(?i)\\.({"|".join(CORS_SUFFIXES)})$">',
        '        Header set Access-Control-Allow-Origin "*"',
        "    </FilesMatch>",
        "</Directory>",
        f"<Directory {_quoted(folder + '/assets')}>",
        f'    Header set Cache-Control "{CACHE_FOREVER}"',
        "</Directory>",
        _HIDDEN,
        r'RedirectMatch 404 "(/\.(?!well-known(/|$))|\.(part|gz|br)$)"',
    ]
    for path, status, target in site.moves:
        where = f" {_quoted(unquote(target))}" if target else ""
        lines.append(f"RedirectMatch {status} {_quoted(site.addresses(path))}{where}")
    for feed in site.feeds:
        lines += [
            f"<LocationMatch {_quoted(f'^{re.escape(site.base + feed.path)}$')}>",
            f"    ForceType {feed.type}",
            '    Header set Access-Control-Allow-Origin "*"',
            f"    Header set Link '{feed.link.replace('%', '%%')}'",
            "</LocationMatch>",
        ]
    lines += [f'ProxyPass {_quoted(site.base + name)} "http://{site.listen}/{name}"' for name in APP_PATHS]
    return "\n".join(lines) + "\n"


def caddy_config(site: ServedSite) -> str:
    """A site of Caddy."""

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
        f'                header Cache-Control "{CACHE_BRIEFLY}"',
        f'                header /assets/* Cache-Control "{CACHE_FOREVER}"',
        "                header X-Content-Type-Options nosniff",
        f'                header Content-Security-Policy "{_POLICY["data"]}"',
        "                @page path / */ *.html *.htm",
        f'                header @page Content-Security-Policy "{_POLICY["page"]}"',
        f"                @viewer path {' '.join(f'*.{suffix}' for suffix in VIEWER_SUFFIXES)}",
        "                header @viewer -Content-Security-Policy",
        f"                @public path {' '.join(f'*.{suffix}' for suffix in CORS_SUFFIXES)}",
        "                header @public Access-Control-Allow-Origin *",
    ]
    for n, (type, suffixes) in enumerate(SUFFIXES_BY_TYPE.items()):
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


def headers_file(site: ServedSite) -> str:
    """`_headers` of Netlify, Cloudflare Pages and others, which compress and tag by themselves."""
    lines = ["/assets/*", f"  Cache-Control: {CACHE_FOREVER}"]
    for feed in site.feeds:
        lines += [
            f"/{feed.path}",
            f"  Content-Type: {feed.type}",
            "  Access-Control-Allow-Origin: *",
            f"  Cache-Control: {CACHE_BRIEFLY}",
            f"  Link: {feed.link}",
        ]
    return "\n".join(lines) + "\n"


def redirects_file(site: ServedSite) -> str:
    """`_redirects` of the same hosts."""
    rows = [f"/{quote(path)} {target or '/404.html'} {status}" for path, status, target in site.moves]
    return "\n".join(rows) + "\n" if rows else ""


SERVERS: Mapping[str, Callable[[ServedSite], str]] = {
    "nginx": nginx_config,
    "apache": apache_config,
    "caddy": caddy_config,
    "headers": headers_file,
    "redirects": redirects_file,
}
"""What `publisher feeds snippet` can write, by its name."""
