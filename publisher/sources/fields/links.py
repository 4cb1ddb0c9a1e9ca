"""Links from one post to another's file, as each generator writes them, become links to that post's URL.

    {% post_url NAME %}  {% link PATH %}      Jekyll        {{< ref "PATH" >}}  {{< relref "PATH" >}}    Hugo
    {% post_path NAME %}  {% post_link NAME %}  Hexo        [words](@/PATH)                              Zola
    [words]({filename}PATH)                   Pelican       {{ get_url(path="@/PATH") }}                 Zola
    [words](./PATH.md)                        Docusaurus, Jekyll, Eleventy

Paths also occur in reference definitions (`[1]: ./PATH.md`) and in raw HTML. If a path may mean several
files, the one with exactly that path wins, then one in the post's language, then any other. Pelican's
`{static}`, `{attach}`, `{index}`, `{tag}`, `{category}` and `{author}` become addresses too, and a path into
the folder that the generator copies (`../static/img/x.png`) becomes the address of the copy.

A link to a file that is not in the folder stays as written and is reported.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from html import escape, unescape
from itertools import islice
from typing import NamedTuple
from urllib.parse import quote, unquote

from publisher.core.caching import lazy
from publisher.core.posts.markdown_regions import blank_code
from publisher.sources.fields.authors_and_terms import language_of_path, language_suffix
from publisher.sources.fields.dates_and_visibility import post_name
from publisher.sources.generators import profiles
from publisher.sources.source_rules import SourceRules

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
_PELICAN_LINK = lazy(r"[{|](static|attach|index|author|category|tag)[}|](.*)")
_FIELD = lazy(r"\{(?:slug|name|page_name)\}")
_UNROUTED = "pathname:///"
_FOLDERS = ("static/", "public/", _UNROUTED)
_STATIC = lazy(r"(?:\.\./)*(?:static|public)/(.+)")
_IN_LANGUAGE = lazy(r"""\slang\s{0,9}=\s{0,9}["']?([A-Za-z-]{2,20})""")
_ENDS = lazy(r"\.(?:md|mdx|markdown|html|htm|rst)$", re.IGNORECASE)
_INDEX = lazy(r"(?:^|/)_?index$", re.IGNORECASE)
_SAFE = "/!$'()*+,:;=@~&%"
MAX_LINKS = 2_000
"""The most links of one body that are resolved; with more it is not a post."""

_MAX_CANDIDATES = 50_000
"""The most places in one body that may be links."""

_TAGS = ("{% post_", "{%- post_", "{% link", "{%- link", "ref ", "@/")
_SIGNS = ("static", "attach", "filename", "public/", "{index}", "{author}", "{category}", "{tag}")

Address = Callable[[str], tuple[str, str]]
"""The URL and the title of the post at a path of the folder; "" if there is none."""

Dead = tuple[int, str]
"""(line of the body from 1, link) of a link that leads to no post."""


class LinkedBody(NamedTuple):
    """A body with the URLs that it links to, and its links that lead nowhere."""

    body: str
    dead: Sequence[Dead] = ()


class LinkIndex:
    """Finds posts by the names that bodies use for them. `paths` are all files of the folder."""

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
        """`body` of the post at `path` with links to URLs; code stays as it is."""
        source = blank_code(body) if markdown else body
        address = cache(address)
        parts: list[str] = []
        dead: list[Dead] = []
        at = 0
        for match in islice(link_candidates(source), MAX_LINKS):
            if match["kind"] or match["ref"]:
                made = self._replace_tag(match, path, address)
            else:
                made = self._replace_path(match, path, address)
            if made is None:
                target = match[0] if match["kind"] or match["ref"] else target_of(match)
                dead.append((source.count("\n", 0, match.start()) + 1, " ".join(target.split())[:80]))
            parts += (body[at : match.start()], match[0] if made is None else made)
            at = match.end()
        return LinkedBody("".join((*parts, body[at:])) if parts else body, dead)

    def _replace_tag(self, match: re.Match[str], path: str, address: Address) -> str | None:
        """The URL, or Hexo's whole link, that replaces a template tag; None if it leads nowhere."""
        words = (match["words"] or "").split()
        target = match["path"][1:-1] if match["path"] else words[0].strip("\"'")
        name, mark, fragment = target.partition("#")
        refers = bool(match["ref"]) and "get_url" not in match[0]
        if refers and not name:
            return target
        code = _IN_LANGUAGE.search(match[0]) if refers else None
        language = code[1] if code else language_of_path(path, self._rules)
        by_name = refers or (match["kind"] or "").startswith("post_")
        found = self.find(name, path, language, by_name=by_name)
        url, title = address(found) if found else ("", "")
        if not url:
            return None
        if match["kind"] == "post_link":
            label = " ".join(word for word in words[1:] if word not in ("true", "false")).strip("\"'")
            return f'<a href="{escape(url)}">{escape(label or title or post_name(found))}</a>'
        return url + mark + fragment

    def _replace_path(self, match: re.Match[str], path: str, address: Address) -> str | None:
        """The same for a path in a link, a definition or an attribute; any other path stays as it is."""
        target = target_of(match)
        before = match["inline"] or match["defined"] or match["attribute"] or ""
        if target.startswith(_UNROUTED):  # Docusaurus: a file of the site that is no page
            return before + self._rules.site_url + target.removeprefix(_UNROUTED)
        if self._rules.profile in ("pelican", "none") and (given := _PELICAN_LINK.fullmatch(target)):
            made = self.pelican_address(given[1], given[2], path)
            return None if made is None else before + made
        if _POST.match(target):
            name = re.split(r"[?#]", target, maxsplit=1)[0]
            language = language_of_path(path, self._rules)
            found = self.find(name, path, language) or self.find(unquote(name), path, language)
            url = address(found)[0] if found else ""
            if url:
                return before + url + target[len(name) :]
        if not self._rules.pages and target[:1] not in "/#{":  # with pages, files beside posts are assets
            home = posixpath.dirname(self._rules.in_blog(path))
            place = target.removeprefix("@site/")
            place = place if place != target else posixpath.join(home, target)
            if static := _STATIC.fullmatch(posixpath.normpath(place)):
                return before + self._rules.site_url + quote(static[1], safe=_SAFE + "?#")
        return None if _POST.match(target) else match[0]

    def pelican_address(self, kind: str, name: str, path: str) -> str | None:
        """The address of Pelican's `{static}PATH` and the like; None: it leads nowhere."""
        site = self._rules.site_url
        if kind == "index":
            return site
        if kind in ("author", "category", "tag"):
            slug, articles = profiles.pelican_slug(unquote(name)), self._rules.pelican_articles
            url = articles.term_urls.get(kind, "") if articles else f"{kind}/{{slug}}.html"
            return site + quote(_FIELD.sub(slug, url), safe=_SAFE) if url else None
        content = self._rules.pelican_articles.content if self._rules.pelican_articles else "content"
        home = posixpath.relpath(posixpath.dirname(self._rules.in_blog(path)) or ".", content or ".")
        near = name.lstrip("/") if name.startswith("/") else posixpath.join(home, name)
        place = posixpath.normpath(near)
        beside = posixpath.relpath(place, home)
        if kind == "attach":  # it stands beside the page
            return quote(posixpath.basename(place) if beside.startswith("../") else beside, safe=_SAFE)
        return quote(beside, safe=_SAFE) if self._rules.pages else site + quote(place, safe=_SAFE)

    def find(self, name: str, path: str, language: str, *, by_name: bool = False) -> str:
        """The file that `name` means in the post at `path`, for a link to one in `language`; "" for none, or
        several. To Hugo, b.md is the page of that name in each language. `by_name`: the file's name alone,
        in whatever folder, will do.
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
                if found := self._first_in(language, others):
                    return found
        for place in near:
            if found := next(
                (self._by_path[r + place] for r in self._roots if r + place in self._by_path), ""
            ):
                return found
        for place in near:
            if others := self._by_place.get(self._place(place), []):
                return (self._first_in(language, others) if len(others) > 1 else "") or others[0]
        some = self._by_name.get(self._place(name).rpartition("/")[2], []) if by_name else []
        if len(some) > 1:
            some = [other for other in some if language_of_path(other, self._rules) == language]
        return some[0] if len(some) == 1 else ""

    def _first_in(self, language: str, paths: Sequence[str]) -> str:
        return next((path for path in paths if language_of_path(path, self._rules) == language), "")

    def _place(self, path: str) -> str:
        """A path without what may be left out of it: the content's root, the suffix, a bundle's index."""
        stem = _ENDS.sub("", path)
        stem = _INDEX.sub("", stem.removesuffix(language_suffix(stem)) if "." in stem else stem)
        parts = stem.strip("/").split("/")
        roots = {*self._rules.conventions.roots, "content", "_posts"}
        while len(parts) > 1 and parts[0] in roots:
            del parts[0]
        return "/".join(parts)


def link_candidates(source: str) -> Iterator[re.Match[str]]:
    """The places of a body that may link to a file or a post."""
    for match in islice(_LINK.finditer(source), _MAX_CANDIDATES):
        if match["kind"] or match["ref"]:
            yield match
            continue
        target = target_of(match)
        if _POST.match(target) or _PELICAN_LINK.match(target) or any(sign in target for sign in _FOLDERS):
            yield match


def target_of(match: re.Match[str]) -> str:
    """The path or URL that a match of `_LINK` names, outside of template tags."""
    found = next((match[name] for name in _FILES if match[name] is not None), "")
    return unescape(found) if match["attribute"] else found


def may_link(body: str) -> bool:
    """Whether it is worth looking for links to files."""
    # One character is found a hundred times as quickly as two, and most bodies have no brace.
    signs = "{" in body and any(sign in body for sign in (*_TAGS, *_SIGNS))
    signs = (
        signs or (".m" in body and (".md" in body or ".markdown" in body)) or ("@" in body and "@/" in body)
    )
    return signs or any(sign in body for sign in _FOLDERS) or ("|" in body and "name|" in body)


def may_link_to_posts(body: str) -> bool:
    """Whether it may link to posts, which are other files."""
    return any(
        match["kind"] or match["ref"] or _POST.match(target_of(match))
        for match in islice(link_candidates(body), MAX_LINKS)
    )
