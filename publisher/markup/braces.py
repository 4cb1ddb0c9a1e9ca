"""MDX's expressions in text: `{frontMatter.title}` and `{"words"}` are shown, others go."""

import re
from collections.abc import Iterator

from publisher.core.code import outside_code
from publisher.markup.jsx import blanked
from publisher.markup.shortcodes import Context

_BRACES = re.compile(r"(?<!\\)\{((?:[^{}]|\{[^{}]*\}){0,2000})\}")
_WORDS = re.compile(r"""\s*(?:"([^"\\]*)"|'([^'\\]*)'|`([^`\\$]*)`|(\d+))\s*""")
_NO_CODE = ("#", "/*", "{", "%")
"""What begins an id, a comment, or a template's tag, which is judged as such."""

_FRONT = re.compile(r"\s*(?:frontMatter|frontmatter)\.(\w+)\s*")


def with_values(source: str, context: Context) -> str:
    """A Markdown source without MDX's expressions. Code stays."""
    if "{" not in source:
        return source
    return outside_code(source, lambda text: _BRACES.sub(lambda match: _value(match[1], context) or "", text))


def left_out(prose: str, context: Context) -> Iterator[tuple[int, str]]:
    """(place, expression) of each that goes, in a source whose code is blank."""
    if "{" in prose:
        for match in _BRACES.finditer(blanked(prose)):
            if _value(match[1], context) is None:
                yield match.start(), match[0]


def _value(inside: str, context: Context) -> str | None:
    if match := _WORDS.fullmatch(inside):
        return next(group for group in match.groups() if group is not None)
    if match := _FRONT.fullmatch(inside):
        return context.value(match[1])
    return "" if not inside.strip() or inside.lstrip().startswith(_NO_CODE) else None
