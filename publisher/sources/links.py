"""Links from one post to another by its file, as each generator writes them: they become the other's address.

    {% post_url NAME %}  {% link PATH %}      Jekyll        {{< ref "PATH" >}}  {{< relref "PATH" >}}    Hugo
    {% post_path NAME %}  {% post_link NAME %}  Hexo        [words](@/PATH)                              Zola
    [words]({filename}PATH)                   Pelican       {{ get_url(path="@/PATH") }}                 Zola
    [words](./PATH.md)                        Docusaurus, Jekyll, Eleventy

What leads to no file of the folder stays as it is written: markup knows what else it may be.
"""

import posixpath
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from itertools import islice

from publisher.sources.people import language_suffix
from publisher.sources.rules import SourceRules

_BASE = r"(?:\{\{\s{0,9}site\.(?:url|baseurl|baseUrl)\s{0,9}\}\}/?){0,2}"
_TAG = r"\{%-?\s{0,9}(?P<kind>post_url|link|post_path|post_link)\s(?P<words>[^{}%\n]{1,300}?)\s?-?%\}"
_REF = (
    r"""\{\{(?:[<%]\s{0,9}(?:rel)?ref\s(?:\s{0,9}path\s{0,9}=)?|\s{0,9}get_url\(\s{0,9}path\s{0,9}=(?=\s{0,9}["']@/))"""
    r"""\s{0,9}(?P<path>"[^"{}\n]+"|'[^'{}\n]+')[^{}\n]*?[>%)]\s{0,9}\}\}"""
)
_FILE = (
    r"(?:(?<=\]\()|(?<=href=[\"'])(?=@/))"
    r"(?P<file>(?:@/|\{filename\}|\|filename\||(?![a-z][a-z0-9+.-]*:|//|\#))[^\s()<>]{0,500}?"
    r"\.(?:md|mdx|markdown))(?=[#?][^\s()]*[)\"']|[)\"']|\s[\"'])"
)
_LINK = re.compile(f"{_BASE}{_TAG}|{_BASE}(?P<ref>{_REF})|{_FILE}")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_ENDS = re.compile(r"\.(?:md|mdx|markdown|html|htm|rst)$", re.IGNORECASE)
_INDEX = re.compile(r"(?:^|/)_?index$", re.IGNORECASE)
MANY = 2_000
"""Links of one body that are looked at; with more it is no post."""

_TAGS = ("{% post_", "{%- post_", "{% link", "{%- link", "ref ")

Address = Callable[[str], str]
"""The URL of the post at a path of the folder; "" where there is none."""


class Links:
    """Finds posts by the ways they are named in bodies. `paths` are all files of the folder."""

    def __init__(self, paths: Sequence[str], rules: SourceRules) -> None:
        self._rules = rules
        self._by_place: dict[str, str] = {}
        self._by_name: defaultdict[str, list[str]] = defaultdict(list)
        for path in paths:
            place = self._place(rules.in_blog(path))
            self._by_place.setdefault(place, path)
            self._by_name[place.rpartition("/")[2]].append(path)

    def resolved(self, path: str, body: str, address: Address) -> str:
        """`body` of the post at `path` with the addresses of the posts it links to, code left alone."""
        links = list(islice(_LINK.finditer(body), MANY))
        if not links:
            return body
        code, address = CodePlaces(body), cache(address)
        parts: list[str] = []
        at = 0
        for match in links:
            url = "" if code.holds(match.start()) else self._replacement(match, path, address)
            parts += (body[at : match.start()], url or match[0])
            at = match.end()
        return "".join((*parts, body[at:]))

    def _replacement(self, match: re.Match[str], path: str, address: Address) -> str:
        words = (match["words"] or "").split()
        target = match["path"][1:-1] if match["path"] else match["file"] or words[0].strip("\"'")
        name, mark, fragment = target.partition("#")
        refers = bool(match["ref"]) and "get_url" not in match[0]
        found = self._found(name, path, named=refers or (match["kind"] or "").startswith("post_"))
        url = address(found) if found else ""
        if not url:
            return ""
        if match["kind"] == "post_link":
            said = " ".join(word for word in words[1:] if word not in ("true", "false")).strip("\"'")
            return f'<a href="{escape(url)}">{escape(said or found)}</a>'
        return url + mark + fragment

    def _found(self, name: str, path: str, *, named: bool) -> str:
        """The file that `name` means in the post at `path`; "" for none, or more than one."""
        name = re.sub(r"^(?:@/|\{filename\}|\|filename\|)", "", name)
        if name != name.lstrip("/"):
            near = [name.lstrip("/")]
        else:
            near = [
                posixpath.normpath(posixpath.join(posixpath.dirname(self._rules.in_blog(path)), name)),
                name,
            ]
        for place in near:
            if found := self._by_place.get(self._place(place)):
                return found
        some = self._by_name.get(self._place(name).rpartition("/")[2], []) if named else []
        return some[0] if len(some) == 1 else ""

    def _place(self, path: str) -> str:
        """A path without what may be left out of it: the content's root, the suffix, a bundle's index."""
        stem = _ENDS.sub("", path)
        stem = _INDEX.sub("", stem.removesuffix(language_suffix(stem)) if "." in stem else stem)
        parts = stem.strip("/").split("/")
        roots = {*self._rules.habits.roots, "content", "_posts"}
        while len(parts) > 1 and parts[0] in roots:
            del parts[0]
        return "/".join(parts)


def may_link(body: str) -> bool:
    """Whether it is worth looking for links to other files."""
    # One character is found a hundred times as quickly as two, and most bodies have no brace.
    signs = "{" in body and any(sign in body for sign in _TAGS)
    signs = signs or (".m" in body and (".md" in body or ".markdown" in body))
    return signs and _LINK.search(body) is not None


class CodePlaces:
    """Which places of a body are in a fenced block, or between backticks of their line."""

    def __init__(self, body: str) -> None:
        self._fences = [match.start() for match in _FENCE.finditer(body)]
        self._ticks = [match.start() for match in re.finditer("`", body)]
        self._body = body

    def holds(self, at: int) -> bool:
        line = self._body.rfind("\n", 0, at) + 1
        ticks = bisect_left(self._ticks, at) - bisect_left(self._ticks, line)
        return bisect_left(self._fences, at) % 2 == 1 or ticks % 2 == 1
