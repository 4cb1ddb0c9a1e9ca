"""Docusaurus' own: the folders of its blogs, and what its settings leave out of them. The configuration is
code, of which only what is written out is read
(https://docusaurus.io/docs/api/plugins/@docusaurus/plugin-content-blog).

path       the folder of a blog, "blog" where none is named; translations are under i18n/
exclude    globs from there; partials, whose names begin with "_", and tests are excluded without it
"""

from itertools import islice

from publisher.core.patterns import lazy
from publisher.sources.leaving import Leaves, named

_BLOCK = lazy(r"""\bblog\s*:\s*\{|["'`]@docusaurus/plugin-content-blog["'`]\s*,\s*(?:/\*.*?\*/\s*)?\{""")
_PATH = lazy(r"""\bpath\s*:\s*["'`]([^"'`$\n]+)["'`]""")
_EXCLUDE = lazy(r"\bexclude\s*:\s*\[([^\[\]]{0,5000})\]")
_TEXT = lazy(r""""([^"\n]+)"|'([^'\n]+)'|`([^`$\n]+)`""")
_USUAL = ("**/*.test.{js,jsx,ts,tsx}", "**/__tests__/**")
_UNKNOWN = lazy(r"\bpath\b\s*[:,}]|\.\.\.")
_ELSEWHERE = lazy(r"\bblog\s*:\s*(?!false)|plugin-content-blog")
MAX_BLOGS = 20


def files(config: str) -> tuple[tuple[str, ...], tuple[Leaves, ...]]:
    """The folders of blogs that a configuration names, and what it leaves out of them. No folders: they are
    not written out, and may be anywhere.
    """
    places: dict[str, tuple[str, ...]] = {}
    for match in islice(_BLOCK.finditer(config), MAX_BLOGS):
        block = _block(config, match.end())
        path = _PATH.search(block)
        if path is None and _UNKNOWN.search(block):
            return (), ()
        place = "/".join(part for part in path[1].split("/") if part not in ("", ".")) if path else "blog"
        exclude = _EXCLUDE.search(block)
        globs = (
            tuple(one or two or three for one, two, three in _TEXT.findall(exclude[1])) if exclude else _USUAL
        )
        places[place] = globs
    if not places and _ELSEWHERE.search(config):
        return (), ()
    places = places or {"blog": _USUAL}
    leaves = tuple(named("exclude", globs, below=place) for place, globs in places.items())
    return (*places, "i18n"), leaves


def _block(text: str, at: int) -> str:
    """What stands in the braces that are open at `at`."""
    depth, end = 1, at
    while depth and end < min(len(text), at + 20_000):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        end += 1
    return text[at:end]
