"""Which files Hugo makes pages of, and what it gives to them: rules of its content, without opening a post.

contentDir, languages.*.contentDir, module.mounts   what is outside of them is none (hugo: modules/collect.go)
disableLanguages, languages.*.disabled              the pages of these
ignoreFiles                                         regular expressions that find anything in a file's path
a/index.md                                          a leaf bundle: what else is in it, however deep, belongs
                                                    to that page (content-management/page-bundles)
cascade                                             of the configuration and of _index.md: front matter of
                                                    all below (content-management/front-matter#cascade)

The last two are pages of https://gohugo.io/.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from publisher.sources.globs import in_scope
from publisher.sources.leaving import Leaves, Patterns, inside
from publisher.sources.rules import Defaults
from publisher.sources.values import Value, scalars, table

_OWN = frozenset({"title", "slug", "url", "aliases", "date", "id", "guid"})
"""What each page says of itself, and no cascade for many."""

_KINDS = frozenset({"", "page"})


@dataclass(frozen=True, slots=True)
class Silent:
    """Names that Hugo passes over: those that begin with "#" (source/sourceSpec.go, IgnoreFile), and those
    that end in one of `codes`, the languages that are turned off.
    """

    codes: Sequence[str]

    def why(self, path: str) -> str | None:
        """As leaving.Leaves."""
        name = path.rpartition("/")[2].lower()
        if name.startswith("#"):
            return "a name that begins with #"
        parts = name.split(".")
        return f"the language {parts[-2]} is disabled" if len(parts) > 2 and parts[-2] in self.codes else None


@dataclass(frozen=True, slots=True)
class Resources:
    """Files of leaf bundles that are no pages: the path of each, and of the page that it belongs to."""

    of: Mapping[str, str]

    def why(self, path: str) -> str | None:
        """As leaving.Leaves."""
        page = self.of.get(path)
        return f"part of the page {page}" if page else None


def leaves(top: Mapping[str, Value], off: Sequence[str]) -> tuple[Leaves, ...]:
    """What a configuration leaves out; the languages `off` are turned off."""
    written = [text for text in scalars(top.get("ignorefiles")) if text]
    patterns = tuple((text, text.replace(r"\z", r"\Z")) for text in written)
    return Silent(tuple(off)), Patterns("ignoreFiles", patterns, "/")


def reads(contents: Iterable[str], top: Mapping[str, Value]) -> tuple[str, ...]:
    """The folders of content; none where one is outside of the blog, so that posts may be anywhere."""
    languages = top.get("languages")
    tables = [top, *(table(entry) for entry in languages.values())] if isinstance(languages, dict) else [top]
    written = [_text(entry.get("contentdir")) for entry in tables]
    return () if any(text.startswith(("/", "..", "~")) for text in written) else tuple(contents)


def resources(paths: Iterable[str], places: Sequence[str], codes: Sequence[str]) -> Resources:
    """The files of leaf bundles among `paths`, which are from the blog's root; content is in `places`, and
    `codes` are the languages that an index may be in.
    """
    paths = [path for path in paths if any(inside(path, place) for place in places)]
    bundles = {path.rpartition("/")[0]: path for path in paths if _is_index(path, codes)}
    found: dict[str, str] = {}
    for path in paths if bundles else ():
        home = next((above for above in _above(path) if above in bundles), None)
        if home is not None and not (path.rpartition("/")[0] == home and _is_index(path, codes)):
            found[path] = bundles[home]
    return Resources(found)


def _is_index(path: str, codes: Sequence[str]) -> bool:
    name, *between, _ = path.rpartition("/")[2].split(".") if "." in path else (path, "")
    return name == "index" and (not between or (len(between) == 1 and between[0].lower() in codes))


def _above(path: str) -> Iterator[str]:
    """The folders above `path`, the outermost first."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def cascades(value: Value, place: str, content: str) -> Iterator[Defaults]:
    """What `cascade` gives to the pages in the folder `place`; targets are paths in the folder `content`."""
    for entry in map(table, value if isinstance(value, list) else [value]):
        target = table(entry.get("target"))
        values = {name: it for name, it in entry.items() if name != "target" and name not in _OWN}
        if (
            not values
            or _text(target.get("kind")) not in _KINDS
            or _text(target.get("environment")) not in ("", "production")
        ):
            continue
        path = _text(target.get("path")).strip()
        for scope in _scopes(path, content) if path else [place]:
            yield Defaults(scope=scope, values=values)


def merged(given: Iterable[Defaults], path: str) -> dict[str, Value]:
    """What `given` is for the file at `path`."""
    found: dict[str, Value] = {}
    for entry in given:
        if in_scope(path, entry.scope):
            found.update(entry.values)
    return found


def _scopes(path: str, content: str) -> list[str]:
    """The patterns of files whose pages a target's path names: "{/posts,/notes}/**"."""
    base = content + "/" if content else ""
    found: list[str] = []
    for text in _unbraced(path):
        text = base + text.strip("/")
        found += [text] if text.endswith("*") else [text, text + ".*"]
    return found


def _unbraced(path: str) -> list[str]:
    """A glob with `{a,b}` as globs without, at most 100."""
    parts = re.split(r"\{([^{}]*)\}", path, maxsplit=4)
    choices = [part.split(",") if n % 2 else [part] for n, part in enumerate(parts)]
    return ["".join(one) for _, one in zip(range(100), product(*choices), strict=False)]


def _text(value: Value) -> str:
    return value.strip() if isinstance(value, str) else ""
