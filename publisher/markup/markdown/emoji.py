"""`:smile:` becomes the emoji that GitHub calls so. Not in code, addresses or times (10:30:45)."""

import re
from functools import cache, lru_cache

import comrak

_NAMED = re.compile(r"[a-z]{2,9}://[^\s<>]*|(?<![0-9/]):([a-z0-9+_-]{1,40}):(?![0-9])")
MANY = 20_000
"""With more colons it is no text."""


def with_emoji(text: str) -> str:
    """The text of safe HTML with its emoji."""
    if text.count(":") not in range(2, MANY):
        return text
    return _NAMED.sub(lambda match: _emoji(match[1]) if match[1] else match[0], text)


@lru_cache(maxsize=4096)
def _emoji(name: str) -> str:
    """The emoji of that name, as comrak knows them; the name in its colons where there is none."""
    made = comrak.render_markdown(f":{name}:", _options()).removeprefix("<p>").removesuffix("</p>\n")
    return f":{name}:" if made.isascii() else made


@cache
def _options() -> comrak.ExtensionOptions:
    options = comrak.ExtensionOptions()
    options.shortcodes = True
    return options
