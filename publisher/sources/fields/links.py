"""Links from one post to another by its file, as each generator writes them: they become the other's address.

    {% post_url NAME %}  {% link PATH %}      Jekyll        {{< ref "PATH" >}}  {{< relref "PATH" >}}    Hugo
    {% post_path NAME %}  {% post_link NAME %}  Hexo        [words](@/PATH)                              Zola
    [words]({filename}PATH)                   Pelican       {{ get_url(path="@/PATH") }}                 Zola
    [words](./PATH.md)                        Docusaurus, Jekyll, Eleventy

Paths also stand in definitions of references (`[1]: ./PATH.md`) and in raw HTML. Of several files that a path
may mean, the one with exactly that path is meant, then one in the language of the post, then any other.
Pelican's `{static}`, `{attach}`, `{index}`, `{tag}`, `{category}` and `{author}` become addresses too, and a
path into the folder that the generator copies (`../static/img/x.png`) is the address of its copy.

What leads to no file of the folder stays as it is written, and is said.
"""

import posixpath
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from html import escape, unescape
from itertools import islice
from typing import NamedTuple
from urllib.parse import quote, unquote

from publisher.core.patterns import lazy
from publisher.core.posts.code_regions import without_code
from publisher.sources.fields import slugs
from publisher.sources.fields.authors_and_terms import language_of_path, language_suffix
from publisher.sources.fields.publication_date import post_name
from publisher.sources.rules import SourceRules

_BASE = r"(?:\{\{\s{0,9}site\.(?:url|baseurl|baseUrl)\s{0,9}\}\}/?){0,2}"
_TAG = r"\{%-?\s{0,9}(?P<kind>post_url|link|post_path|post_link)\s(?P<words>[^{}%\n]{1,300}?)\s?-?%\}"
_REF = (
    r"""\{\{(?:[<%]\s{0,9}(?:rel)?ref\s(?:\s{0,9}path\s{0,9}=)?|\s{0,9}get_url\(\s{0,9}path\s{0,9}=(?=\s{0,9}["']@/))"""
    r"""\s{0,9}(?P<path>"[^"{}\n]+"|'[^'{}\n]+')[^{}\n]*?[>%)]\s{0,9}\}\}"""
)
_PLACE = (
    r"(?:(?P<inline>\]\([ \t]{0,9})(?:<(?P<f1>[^<>\n]{1,500})>|(?!\{[%{])(?P<f2>[^\s()<>]{1,500}))"
    r"(?=\s{0,9}\)|\s{1,9}[\"'(])"
    r"|(?P<defined>^[ ]{0,3}\[[^\]\n^][^\]\n]{0,200}\]:[ \t]{0,9})"
    r"(?:<(?P<f3>[^<>\n]{1,500})>|(?!\{[%{])(?P<f4>[^\s<>]{1,500}))"
    r"|(?P<attribute>\b(?:[hH][rR][eE][fF]|[sS][rR][cC])\s?=\s?[\"'])(?!\{[%{])(?P<f5>[^\"'<>\n]{1,500})(?=[\"']))"
)
"""Where a body may name a file: inline links and pictures, definitions of references, raw HTML."""

_FILES = ("f1", "f2", "f3", "f4", "f5")
_LINK = lazy(f"{_BASE}{_TAG}|{_BASE}(?P<ref>{_REF})|{_PLACE}", re.MULTILINE)
_POST = lazy(r"@/|[{|]filename[}|]|(?![A-Za-z][A-Za-z0-9+.-]*:|//|#|\{)[^?#]*\.(?:md|mdx|markdown)(?=[#?]|$)")
_MARK = lazy(r"^(?:@/|[{|]filename[}|])")
_PELICANS = lazy(r"[{|](static|attach|index|author|category|tag)[}|](.*)")
_FIELD = lazy(r"\{(?:slug|name|page_name)\}")
_AS_IT_IS = "pathname:///"
_FOLDERS = ("static/", "public/", _AS_IT_IS)
_STATIC = lazy(r"(?:\.\./)*(?:static|public)/(.+)")
_FENCE = lazy(r"^[ \t]*(?:`{3,}(?=[^`\n]*$)|~~~)", re.MULTILINE)
_IN_LANGUAGE = lazy(r"""\slang\s{0,9}=\s{0,9}["']?([A-Za-z-]{2,20})""")
_ENDS = lazy(r"\.(?:md|mdx|markdown|html|htm|rst)$", re.IGNORECASE)
_INDEX = lazy(r"(?:^|/)_?index$", re.IGNORECASE)
_SAFE = "/!$'()*+,:;=@~&%"
MANY = 2_000
"""Links of one body that are looked at; with more it is no post."""

_MOST = 50_000
"""Places of one body where a link may stand."""

_TAGS = ("{% post_", "{%- post_", "{% link", "{%- link", "ref ", "@/")
_SIGNS = ("static", "attach", "filename", "public/", "{index}", "{author}", "{category}", "{tag}")

Address = Callable[[str], tuple[str, str]]
"""The URL and the title of the post at a path of the folder; "" where there is none."""

Dead = tuple[int, str]
"""(line of the body from 1, what stands there) of a link that leads to no post."""


class LinkedBody(NamedTuple):
    """A body with the addresses of what it links to, and its links that lead nowhere."""

    body: str
    dead: Sequence[Dead] = ()


class LinkIndex:
    """Finds posts by the ways they are named in bodies. `paths` are all files of the folder."""

    def __init__(self, paths: Sequence[str], rules: SourceRules) -> None:
        self._rules = rules
        self._several = rules.languages is not None and len(rules.languages.codes) > 1
        self._by_path: dict[str, str] = {}
        self._by_place: defaultdict[str, list[str]] = defaultdict(list)
        self._by_name: defaultdict[str, list[str]] = defaultdict(list)
        for path in paths:
            inside = rules.in_blog(path)
            self._by_path[inside] = path
            place = self._place(inside)
            self._by_place[place].append(path)
            self._by_name[place.rpartition("/")[2]].append(path)
        roots = {*rules.conventions.roots, "content", *filter(None, (rules.content_folder,))}
        if rules.pelican_articles:
            roots.add(rules.pelican_articles.content)
        self._roots = ("", *(f"{root}/" for root in sorted(roots) if root))

    def resolved(self, path: str, body: str, address: Address, *, markdown: bool = True) -> LinkedBody:
        """`body` of the post at `path` with the addresses of what it links to, code left alone."""
        source = without_code(body) if markdown else body
        address = cache(address)
        parts: list[str] = []
        dead: list[Dead] = []
        at = 0
        for match in islice(_links(source), MANY):
            made = self._replacement(match, path, address)
            if made is None:
                target = match[0] if match["kind"] or match["ref"] else _target(match)
                dead.append((source.count("\n", 0, match.start()) + 1, " ".join(target.split())[:80]))
            parts += (body[at : match.start()], match[0] if made is None else made)
            at = match.end()
        return LinkedBody("".join((*parts, body[at:])) if parts else body, dead)

    def _replacement(self, match: re.Match[str], path: str, address: Address) -> str | None:
        """What stands instead of a link; None: it leads nowhere."""
        if not match["kind"] and not match["ref"]:
            return self._in_place(match, path, address)
        words = (match["words"] or "").split()
        target = match["path"][1:-1] if match["path"] else words[0].strip("\"'")
        name, mark, fragment = target.partition("#")
        refers = bool(match["ref"]) and "get_url" not in match[0]
        if refers and not name:
            return target
        code = _IN_LANGUAGE.search(match[0]) if refers else None
        language = code[1] if code else self._language(path)
        found = self._found(name, path, language, named=refers or (match["kind"] or "").startswith("post_"))
        url, title = address(found) if found else ("", "")
        if not url:
            return None
        if match["kind"] == "post_link":
            said = " ".join(word for word in words[1:] if word not in ("true", "false")).strip("\"'")
            return f'<a href="{escape(url)}">{escape(said or title or post_name(found))}</a>'
        return url + mark + fragment

    def _in_place(self, match: re.Match[str], path: str, address: Address) -> str | None:
        """The same for a path; what is not for us to change stays as it is."""
        target = _target(match)
        before = match["inline"] or match["defined"] or match["attribute"] or ""
        if target.startswith(_AS_IT_IS):  # Docusaurus: a file of the site that is no page
            return before + self._rules.site_url + target.removeprefix(_AS_IT_IS)
        if self._rules.profile in ("pelican", "none") and (given := _PELICANS.fullmatch(target)):
            made = self._of_pelican(given[1], given[2], path)
            return None if made is None else before + made
        if _POST.match(target):
            name = re.split(r"[?#]", target, maxsplit=1)[0]
            mine = self._language(path)
            found = self._found(name, path, mine) or self._found(unquote(name), path, mine)
            url = address(found)[0] if found else ""
            if url:
                return before + url + target[len(name) :]
        if kept := self._copied(target, path):
            return before + kept
        return None if _POST.match(target) else match[0]

    def _copied(self, target: str, path: str) -> str:
        """The address of what the generator copies from its folder for files as they are."""
        if self._rules.pages:  # a file in the folder of posts is an asset
            return ""
        home = posixpath.dirname(self._rules.in_blog(path))
        place = target.removeprefix("@site/") if target.startswith("@site/") else posixpath.join(home, target)
        match = None if target[:1] in "/#{" else _STATIC.fullmatch(posixpath.normpath(place))
        return self._rules.site_url + quote(match[1], safe=_SAFE + "?#") if match else ""

    def _of_pelican(self, kind: str, name: str, path: str) -> str | None:
        """Pelican's `{static}PATH` and its kin; None: it leads nowhere."""
        site = self._rules.site_url
        if kind == "index":
            return site
        if kind in ("author", "category", "tag"):
            slug, words = slugs.pelican_slug(unquote(name)), self._rules.pelican_articles
            url = words.words.get(kind, "") if words else f"{kind}/{{slug}}.html"
            return site + quote(_FIELD.sub(slug, url), safe=_SAFE) if url else None
        content = self._rules.pelican_articles.content if self._rules.pelican_articles else "content"
        home = posixpath.relpath(posixpath.dirname(self._rules.in_blog(path)) or ".", content or ".")
        near = name.lstrip("/") if name.startswith("/") else posixpath.join(home, name)
        place = posixpath.normpath(near)
        beside = posixpath.relpath(place, home)
        if kind == "attach":  # it stands beside the page
            return quote(posixpath.basename(place) if beside.startswith("../") else beside, safe=_SAFE)
        return quote(beside, safe=_SAFE) if self._rules.pages else site + quote(place, safe=_SAFE)

    def _found(self, name: str, path: str, language: str, *, named: bool = False) -> str:
        """The file that `name` means in the post at `path`, for a link to one in `language`; "" for none, or
        several. To Hugo, b.md is the page of that name in each language.
        """
        home = posixpath.dirname(self._rules.in_blog(path))
        name, rooted = _MARK.sub("", name), name.startswith("@/")
        if name != name.lstrip("/") or rooted:
            near = [name.lstrip("/")]
        else:
            near = [posixpath.normpath(posixpath.join(home, name)), posixpath.normpath(name)]
        if self._several and not language_suffix(_ENDS.sub("", name)):
            for place in near:
                others = self._by_place.get(self._place(place), [])
                if found := next((other for other in others if self._language(other) == language), ""):
                    return found
        for place in near:
            if found := next(
                (self._by_path[r + place] for r in self._roots if r + place in self._by_path), ""
            ):
                return found
        for place in near:
            if found := self._first(self._by_place.get(self._place(place), []), language):
                return found
        some = self._by_name.get(self._place(name).rpartition("/")[2], []) if named else []
        if len(some) > 1:
            some = [other for other in some if self._language(other) == language]
        return some[0] if len(some) == 1 else ""

    def _first(self, paths: Sequence[str], language: str) -> str:
        """Of files with one name the first in that language, else the first of all."""
        if len(paths) < 2:
            return paths[0] if paths else ""
        return next((other for other in paths if self._language(other) == language), paths[0])

    def _language(self, path: str) -> str:
        return language_of_path(path, self._rules)

    def _place(self, path: str) -> str:
        """A path without what may be left out of it: the content's root, the suffix, a bundle's index."""
        stem = _ENDS.sub("", path)
        stem = _INDEX.sub("", stem.removesuffix(language_suffix(stem)) if "." in stem else stem)
        parts = stem.strip("/").split("/")
        roots = {*self._rules.conventions.roots, "content", "_posts"}
        while len(parts) > 1 and parts[0] in roots:
            del parts[0]
        return "/".join(parts)


def _links(source: str) -> Iterator[re.Match[str]]:
    """What may lead to a file or a post."""
    for match in islice(_LINK.finditer(source), _MOST):
        if match["kind"] or match["ref"]:
            yield match
            continue
        target = _target(match)
        if _POST.match(target) or _PELICANS.match(target) or any(sign in target for sign in _FOLDERS):
            yield match


def _target(match: re.Match[str]) -> str:
    found = next((match[name] for name in _FILES if match[name] is not None), "")
    return unescape(found) if match["attribute"] else found


def may_link(body: str) -> bool:
    """Whether it is worth looking for links to files."""
    # One character is found a hundred times as quickly as two, and most bodies have no brace.
    signs = "{" in body and any(sign in body for sign in (*_TAGS, *_SIGNS))
    signs = signs or (".m" in body and (".md" in body or ".markdown" in body)) or "@/" in body
    return signs or any(sign in body for sign in _FOLDERS) or ("|" in body and "name|" in body)


def may_link_to_posts(body: str) -> bool:
    """Whether it may link to posts, which are other files."""
    return any(
        match["kind"] or match["ref"] or _POST.match(_target(match)) for match in islice(_links(body), MANY)
    )


class CodeRanges:
    """Which places of a body are in a fenced block, or between backticks of their line."""

    def __init__(self, body: str) -> None:
        self._fences = [match.start() for match in _FENCE.finditer(body)]
        self._ticks = [match.start() for match in re.finditer("`", body)]
        self._body = body

    def holds(self, at: int) -> bool:
        line = self._body.rfind("\n", 0, at) + 1
        ticks = bisect_left(self._ticks, at) - bisect_left(self._ticks, line)
        return bisect_left(self._fences, at) % 2 == 1 or ticks % 2 == 1
