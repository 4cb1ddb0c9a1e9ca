"""Path patterns: `**` any folders, `*` and `?` within one name."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

_PARTS = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]+")
_MEANING = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


_ENDING = re.compile(r"\*\*/\*(\.[^*?/]+)")


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A test of relative paths against any of `patterns`."""
    patterns = tuple(patterns)
    sources = ["".join(_MEANING.get(part) or re.escape(part) for part in _PARTS.findall(p)) for p in patterns]
    if not sources:
        return lambda path: False
    ends = [found[1] for pattern in patterns if (found := _ENDING.fullmatch(pattern))]
    if len(ends) == len(sources):  # the usual ones, of 100,000 paths
        endings = tuple(ends)
        return lambda path: path.endswith(endings)
    compiled = re.compile("|".join(f"(?:{source})" for source in sources), re.DOTALL)
    return lambda path: compiled.fullmatch(path) is not None


@lru_cache(maxsize=256)
def _scope(scope: str) -> Callable[[str], bool]:
    return matcher((scope, scope.rstrip("/") + "/**"))


def in_scope(path: str, scope: str) -> bool:
    """Whether `path` is `scope` itself, in that folder, or matches that pattern; "" is everything."""
    return not scope or _scope(scope)(path)
