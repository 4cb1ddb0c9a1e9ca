"""MDX's expressions in text: `{frontMatter.title}` and `{"words"}` are shown, others go."""

import re

from publisher.markup.templating.shortcodes import Context

_WORDS = re.compile(r"""\s*(?:"([^"\\]*)"|'([^'\\]*)'|`([^`\\$]*)`|(\d+))\s*""")
_NO_CODE = ("#", "/*", "{", "%")
"""What begins an id, a comment, or a template's tag, which is judged as such."""

_FRONT = re.compile(r"\s*(?:frontMatter|frontmatter)\.(\w+)\s*")


def value_of(inside: str, context: Context) -> str | None:
    """What the expression between two braces shows; None where only its code could tell."""
    if match := _WORDS.fullmatch(inside):
        return next(group for group in match.groups() if group is not None)
    if match := _FRONT.fullmatch(inside):
        return context.value(match[1])
    return "" if not inside.strip() or inside.lstrip().startswith(_NO_CODE) else None
