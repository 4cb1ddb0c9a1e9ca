"""Docusaurus: the folders of its blogs, which files its settings exclude, and the URLs of its locales.

The configuration is code, of which only literal values are read
(https://docusaurus.io/docs/api/plugins/@docusaurus/plugin-content-blog).

path           the folder of a blog, "blog" by default; translations are in i18n/
exclude        globs relative to it; by default tests, and partials, whose names begin with "_"
routeBasePath  the base of its posts' URLs, "blog" by default
trailingSlash  of the site: whether URLs end in a slash; by default they do not
i18n.localeConfigs.fr   path: the folder of translations in i18n/; baseUrl and url: where its pages are
"""

from itertools import islice
from re import Pattern

from publisher.core.caching import lazy
from publisher.sources.frontmatter.values import Value
from publisher.sources.generators.js_literals import JsCode, exported
from publisher.sources.ignored_files import IgnoreRule, name_patterns

_BLOCK = lazy(r"""\bblog\s*:\s*\{|["'`]@docusaurus/plugin-content-blog["'`]\s*,\s*(?:/\*.*?\*/\s*)?\{""")
_PATH = lazy(r"""\bpath\s*:\s*["'`]([^"'`$\n]+)["'`]""")
_ROUTE = lazy(r"""\brouteBasePath\s*:\s*["'`]([^"'`$\n]*)["'`]""")
_TRAILING_SLASH = lazy(r"\btrailingSlash\s*:\s*true\b")
_EXCLUDE = lazy(r"\bexclude\s*:\s*\[([^\[\]]{0,5000})\]")
_TEXT = lazy(r""""([^"\n]+)"|'([^'\n]+)'|`([^`$\n]+)`""")
_LOCALES = lazy(r"\blocaleConfigs\s*:\s*\{")
_URL = lazy(r"""(?<![\w.])url\s*:\s*["'`]([^"'`$\n]+)["'`]""")
_BASE = lazy(r"""(?<![\w.])baseUrl\s*:\s*["'`]([^"'`$\n]+)["'`]""")
_DEFAULT = lazy(r"""\bdefaultLocale\s*:\s*["'`]([\w-]+)["'`]""")
_DEFAULT_EXCLUDE = ("**/*.test.{js,jsx,ts,tsx}", "**/__tests__/**")
_UNKNOWN = lazy(r"\bpath\b\s*[:,}]|\.\.\.")
_SOME_BLOG = lazy(r"\bblog\s*:\s*(?!false)|plugin-content-blog")
MAX_BLOGS = 20


def blog_folders(config: str) -> tuple[tuple[str, ...], tuple[IgnoreRule, ...]]:
    """The folders of blogs in a configuration, and the rules for what it excludes. No folders: they are not
    literals, and posts may be anywhere.
    """
    places: dict[str, tuple[str, ...]] = {}
    for match in islice(_BLOCK.finditer(config), MAX_BLOGS):
        block = block_after(config, match.end())
        path = _PATH.search(block)
        if path is None and _UNKNOWN.search(block):
            return (), ()
        place = "/".join(part for part in path[1].split("/") if part not in ("", ".")) if path else "blog"
        exclude = _EXCLUDE.search(block)
        globs = (
            tuple(one or two or three for one, two, three in _TEXT.findall(exclude[1]))
            if exclude
            else _DEFAULT_EXCLUDE
        )
        places[place] = globs
    if not places and _SOME_BLOG.search(config):
        return (), ()
    places = places or {"blog": _DEFAULT_EXCLUDE}
    rules = tuple(name_patterns("exclude", globs, below=place) for place, globs in places.items())
    return (*places, "i18n"), rules


def locale_addresses(config: str, suffix: str = ".js") -> dict[str, str]:
    """Where the pages of locales are if not at "/fr/", by their folders in i18n/: a path below the site's
    base, or a whole URL if they are on another host or outside the base. The default locale, which has no
    folder, is under "". `suffix` is that of the configuration file's name.
    """
    match = _LOCALES.search(config)
    if match is None:
        return {}
    block = block_after(config, match.end())
    locales = exported(f"export default {{{block}", suffix) or {}  # `block` ends with its brace
    rest = config[: match.start()] + config[match.end() + len(block) :]
    host, base = (first_match(pattern, rest) for pattern in (_URL, _BASE))
    default = first_match(_DEFAULT, rest) or "en"
    found: dict[str, str] = {}
    for locale, settings in locales.items():
        own = settings if isinstance(settings, dict) else {}
        where, at, folder = (plain_text(own.get(name)) for name in ("url", "baseUrl", "path"))
        place = f"/{at.strip('/')}/".replace("//", "/") if at else f"{base.rstrip('/')}/{locale}/"
        place = base if not at and locale == default else place
        root = f"/{base.strip('/')}/".replace("//", "/")
        if (where and where.rstrip("/") != host.rstrip("/")) or not place.startswith(root):
            place = (where or host).rstrip("/") + place
        else:
            place = place[len(root) - 1 :]
        name = "" if locale == default else folder or locale
        if place != (f"/{name}/" if name else "/"):
            found[name] = place
    return found


def first_match(pattern: Pattern[str], text: str) -> str:
    """The first group of the first match of `pattern`; "" without a match."""
    match = pattern.search(text)
    return match[1] if match else ""


def plain_text(value: Value) -> str:
    """A literal text; "" for anything else."""
    return value if isinstance(value, str) and not isinstance(value, JsCode) else ""


def permalink(config: str) -> str:
    """The permalink of posts of the first blog that is a literal; "" if the configuration does not set it."""
    match = _BLOCK.search(config)
    route = _ROUTE.search(block_after(config, match.end())) if match else None
    end = "/" if _TRAILING_SLASH.search(config) else ""
    if route is None:
        return "/blog:dated/" if end else ""
    at = route[1].strip("/")
    return f"/{at}:dated{end}" if at else f":dated{end}"


def content_folder(config: str) -> str | None:
    """The folder of the only blog, by its path from the root; None if there are several."""
    places = [place for place in blog_folders(config)[0] if place != "i18n"]
    return places[0] if len(places) == 1 else None


def block_after(text: str, at: int) -> str:
    """The text between the braces that open just before `at`."""
    depth, end = 1, at
    while depth and end < min(len(text), at + 20_000):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        end += 1
    return text[at:end]
