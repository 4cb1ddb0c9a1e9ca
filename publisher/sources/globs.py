"""Path patterns of settings (`**` is any folders, `*` and `?` stay within a name) and of generators."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

_GLOB_PARTS = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]+")
_GLOB_MEANINGS = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


_ANY_WITH_SUFFIX = re.compile(r"\*\*/\*(\.[^*?/]+)")

_GROUPS = {"!": "", "@": "", "?": "?", "+": "+", "*": "*"}
_GROUP = re.compile(r"\(([^()/]{0,200})\)")
_CLASS = re.compile(r"([!^]?)(\]?[^\]]*)\]")
_IN_CLASS = {
    ord("\\"): r"\\",
    ord("["): r"\[",
    ord("]"): r"\]",
    ord("&"): r"\&",
    ord("~"): r"\~",
    ord("|"): r"\|",
}


def path_matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A test of relative paths against any of `patterns`."""
    patterns = tuple(patterns)
    sources = [
        "".join(_GLOB_MEANINGS.get(part) or re.escape(part) for part in _GLOB_PARTS.findall(p))
        for p in patterns
    ]
    if not sources:
        return lambda path: False
    ends = [found[1] for pattern in patterns if (found := _ANY_WITH_SUFFIX.fullmatch(pattern))]
    if len(ends) == len(sources):  # the usual patterns, and there may be 100,000 paths
        endings = tuple(ends)
        return lambda path: path.endswith(endings)
    compiled = re.compile("|".join(f"(?:{source})" for source in sources), re.DOTALL)
    return lambda path: compiled.fullmatch(path) is not None


@lru_cache(maxsize=256)
def scope_matcher(scope: str) -> Callable[[str], bool]:
    return path_matcher((scope, scope.rstrip("/") + "/**"))


def in_scope(path: str, scope: str) -> bool:
    """Whether `path` is `scope` itself, in that folder, or matches that pattern; "" is everything."""
    return not scope or scope_matcher(scope)(path)


def glob_to_regex(pattern: str, *, across: bool = False, braces: bool = True, groups: bool = False) -> str:
    """A generator's glob as a regular expression of a whole path: `*`, `?`, `[a-z]`, `[!a]`, `\\x`, and with
    `braces` `{a,b}`. `*` stays within one name and `**/` is any folders, as in minimatch and .gitignore; with
    `across` both are any text, as in Ruby's File.fnmatch and Rust's globset. With `groups` `!(a|b)`,
    `@(a|b)`, `?(a)`, `+(a)` and `*(a)` mean what they do in micromatch.
    """
    found: list[str] = []
    depth, at = 0, 0
    while at < len(pattern):
        mark, at = pattern[at], at + 1
        if groups and mark in _GROUPS and (group := _GROUP.match(pattern, at)):
            inner = "|".join(glob_to_regex(part, groups=True) for part in group[1].split("|"))
            at = group.end()
            if mark != "!":
                found.append(f"(?:{inner}){_GROUPS[mark]}")
                continue
            rest = glob_to_regex(pattern[at:], groups=True)
            return "".join(found) + f"(?!(?:{inner}){rest}\\Z)[^/]*{rest}" + ")" * depth
        if mark == "\\" and at < len(pattern):
            found.append(re.escape(pattern[at]))
            at += 1
        elif mark == "*":
            stars = len(pattern) - len(pattern[at:].lstrip("*")) - at
            at += stars
            if across or not stars:
                found.append(".*" if across else "[^/]*")
            elif pattern[at : at + 1] == "/":
                found.append("(?:.*/)?")
                at += 1
            else:
                found.append(".*")
        elif mark == "?":
            found.append("." if across else "[^/]")
        elif mark == "[" and (match := _CLASS.match(pattern, at)):
            negated = "^" if match[1] else ""
            found.append(f"[{negated}{match[2].translate(_IN_CLASS)}]")
            at = match.end()
        elif mark == "{" and braces and "}" in pattern[at:]:
            depth += 1
            found.append("(?:")
        elif mark == "}" and depth:
            depth -= 1
            found.append(")")
        else:
            found.append("|" if mark == "," and depth else re.escape(mark))
    return "".join(found) + ")" * depth


@lru_cache(maxsize=200)
def any_regex(sources: tuple[str, ...]) -> re.Pattern[str] | None:
    """One regular expression for any of these; those that Python cannot compile match nothing. None: there is
    none left. Most paths match none of very many, which one search then tells.
    """
    known = [f"(?:{source})" for source in sources if compile_regex(source)]
    return compile_regex("|".join(known)) if known else None


@lru_cache(maxsize=2_000)
def compile_regex(source: str) -> re.Pattern[str] | None:
    """A regular expression of a blog's configuration; None where Python cannot compile it."""
    try:
        return re.compile(source, re.DOTALL)
    except (re.error, OverflowError, RecursionError):
        return None


def matches_whole(source: str, path: str) -> bool:
    """Whether the regular expression `source` is all of `path`."""
    pattern = compile_regex(source)
    return pattern is not None and pattern.fullmatch(path) is not None
