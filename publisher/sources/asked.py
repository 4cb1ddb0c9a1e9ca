"""Front matter that a body shows: `{{ page.version }}`, `{{ version }}`, `{frontMatter.version}`,
`{{< param "version" >}}`. Only plain values; what they are is then known to whoever renders the body.
"""

from collections.abc import Mapping
from itertools import islice

from publisher.core.patterns import lazy
from publisher.sources.frontmatter.values import FrontMatter, names

_ASKED = lazy(
    r"\{\{-?\s{0,9}(?:page\.)?(?P<liquid>[A-Za-z_][\w-]{0,60}?)\s{0,9}(?:\||-?\}\})"
    r"|<%[-=]\s{0,9}(?P<ejs>[A-Za-z_]\w{0,60})\s{0,9}[-_]?%>"
    r"|\{\s{0,9}front[Mm]atter\.(?P<mdx>\w{1,60})\s{0,9}\}"
    r"|\{\{[<%]\s{0,9}param\s{1,9}[\"']?(?P<hugo>[\w-]{1,60})[\"']?\s{0,9}[>%]\}\}"
)
_OTHERS = names("title date content url tags categories excerpt")
"""Names that mean something of the generator's own."""

MANY, LONG = 1_000, 1_000
_NOTHING: Mapping[str, str] = {}


def asked_of(
    front: FrontMatter, body: str, known: Mapping[str, str] = _NOTHING
) -> tuple[tuple[str, str], ...]:
    """(name as the body writes it, text) of each value of the front matter that `body` shows, by name; and of
    what else is `known`, such as its own variables."""
    if (
        not known and "{" not in body and not ("<" in body and "<%" in body)
    ):  # one character is found far more quickly
        return ()
    found = {name: text for name, text in known.items() if 0 < len(text) <= LONG}
    for match in islice(_ASKED.finditer(body), MANY):
        name = match[match.lastgroup or 0]
        if name not in found and name.lower() not in _OTHERS and 0 < len(text := front.text(name)) <= LONG:
            found[name] = text
    return tuple(sorted(found.items()))
