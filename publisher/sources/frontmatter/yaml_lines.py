"""The YAML that most front matter is: one key on a line, scalars and lists of scalars. Ten times as quick.

What is any more than that is left to `yaml_text`: this reader says None as soon as it is not sure, and
agrees with it wherever it says anything else (a property that the tests hold).
"""

import re

from publisher.core.patterns import lazy
from publisher.sources.frontmatter.values import FrontMatter, Quoted, Value, gather

_ODD = lazy("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_SCALAR = (
    r"(?:\"(?P<double>[^\"\\]*)\"|'(?P<single>[^']*)'"
    r"|(?P<plain>[A-Za-z0-9/._($<;\u00a1-\ud7ff](?:[^:#]|:(?=[^ ])|(?<=[^ ])#)*))"
)
_PAIR = lazy(rf"(?P<key>[A-Za-z][A-Za-z0-9_-]*):(?: +(?:{_SCALAR}|(?P<flow>\[[^\[\]{{}}]*\]))?)? *")
_ITEM = lazy(rf"(?P<indent> *)- +{_SCALAR} *")
_FLOW = lazy(r" *(?:\"([^\"\\]*)\"|'([^']*)'|([A-Za-z0-9][A-Za-z0-9 _./+-]*)) *(?:,|$)")
_NULLS = frozenset({"null", "Null", "NULL"})


def read_lines(text: str, first_line: int) -> FrontMatter | None:
    """The front matter in `text`, whose first line is line `first_line` of its file; None: it takes more."""
    if _ODD.search(text):
        return None
    pairs: list[tuple[str, Value, int]] = []
    items: list[Value] | None = None  # of the key above, which has no value of its own
    indent = ""
    for number, line in enumerate(text.split("\n"), start=first_line):
        key, colon, rest = line.partition(": ")
        if colon and (simple := _simple(key, rest)) is not None:
            pairs.append((key, None if simple in _NULLS else simple, number))
            items = None
        elif match := _PAIR.fullmatch(line):
            value, sure = _value(match)
            if not sure:
                return None
            pairs.append((match["key"], value, number))
            items = [] if match.end("key") + 1 == len(line.rstrip(" ")) else None
        elif items is not None and (match := _ITEM.fullmatch(line)):
            if not items:
                indent = match["indent"]
                pairs[-1] = (pairs[-1][0], items, pairs[-1][2])
            elif match["indent"] != indent:
                return None
            items.append(_scalar(match))
        elif line.strip(" ") and line[0] != "#":
            return None
    return gather(pairs, first_line)


def _simple(key: str, rest: str) -> str | None:
    """The scalar after a key, where no sign in it means anything to YAML; None: patterns must say. It says
    nothing that they would not, in a fifth of the time.
    """
    if not (key.isalnum() and key.isascii() and key[0].isalpha()):
        return None
    first = rest[:1]
    if first.isascii() and first.isalnum() and ":" not in rest and "#" not in rest:
        return rest.rstrip(" ")
    inner = rest[1:-1]
    if len(rest) > 1 and first == rest[-1] == '"' and '"' not in inner and "\\" not in inner:
        return Quoted(inner)
    return None


def _scalar(match: re.Match[str]) -> Value:
    plain = match["plain"]
    if plain is None:
        double, single = match["double"], match["single"]
        quoted = double if double is not None else single
        return None if quoted is None else Quoted(quoted)
    plain = plain.rstrip(" ")
    return None if plain in _NULLS else plain


def _value(match: re.Match[str]) -> tuple[Value, bool]:
    flow = match["flow"]
    if flow is None:
        return _scalar(match), True
    found: list[Value] = []
    at, end = 1, len(flow) - 1
    while at < end:
        item = _FLOW.match(flow, at, end)
        if item is None:
            return found, not flow[at:end].strip(" ")  # "[]", "[a, ]"
        double, single, plain = item.groups()
        plain = plain.rstrip(" ") if plain else None
        found.append(None if plain in _NULLS else plain or (double if double is not None else single))
        at = item.end()
    return found, True
