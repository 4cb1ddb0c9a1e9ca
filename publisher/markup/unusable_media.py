"""What readers cannot use of a body: pictures and links, by the lines of its source, for its author.

What becomes of a body says what is wrong; the source only says where. Most bodies are not made for it: one
whose addresses all look like the web's has nothing wrong.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple
from urllib.parse import unquote

from publisher.core.mail.lint.html import unreachable, unusable
from publisher.core.posts.assets import Placed
from publisher.core.posts.code_regions import without_code
from publisher.core.posts.post import MarkupLanguage as Kind
from publisher.markup.html.fragments import pieces
from publisher.markup.html.media_fallbacks import UnusableMedia
from publisher.markup.html.urls import absolute
from publisher.markup.pipeline import safe
from publisher.markup.templating.shortcodes import ShortcodeContext

Fault = tuple[int, str]
"""(line of the body from 1, 0 where it is not known; what is wrong, with the value; what to do)."""

MOST = 50
"""Faults that are named of one post."""

_TARGET = re.compile(
    r"""(?P<inline>\]\(\s*<?(?P<t1>[^\s)>]*))|^[ ]{0,3}\[[^\]\n]+\]:\s*<?(?P<t2>\S*)"""
    r"""|\b(?P<name>src|href)\s*=\s*(?:"(?P<t3>[^"]*)"|'(?P<t4>[^']*)'|(?P<t5>[^\s>"']*))"""
    r"""|<(?P<t6>[a-z][a-z0-9+.-]*:[^\s>]*)>|\b(?P<t7>https?://[^\s<>)"'\]]+)"""
    r"""|(?P<bare><img\b(?![^>]*\ssrc\s*=))""",
    re.IGNORECASE | re.MULTILINE,
)
_TARGETS = tuple(f"t{n}" for n in range(1, 8))
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_ANYWHERE = "https://post.example/"
_NEAR = 500
"""Characters before a target in which its words begin."""


class SuspectAddress(NamedTuple):
    """An address in the source that may be none, or none of the web: where it stands, of what ("img", "a", or
    "" where that is not seen), and what it says.
    """

    at: int
    tag: str
    target: str


def faults(
    body: str, kind: Kind, context: ShortcodeContext, files: tuple[tuple[str, Placed], ...]
) -> list[Fault]:
    """Each picture and link that readers cannot use, once, in the order of lines; at most MOST."""
    source = without_code(body) if kind is Kind.MARKDOWN else body
    suspects = list(_suspects(source))
    if not suspects:
        return []
    lost: list[UnusableMedia] = []
    html = safe(body, kind, context, files, lost=lost)
    found: list[Fault] = []
    for tag in ("img", "a"):
        places = [suspect for suspect in suspects if suspect.tag in (tag, "")]
        for one in (one for one in lost if one.tag == tag):
            place = _taken(places, one.given)
            said = one.given or (place.target if place else "")
            found.append((_line(source, place.at) if place else 0, _of_lost(tag, said)))
    at_home = bool(unreachable(context.site_url))
    for address, what in _of_html(html, at_home=at_home):
        at = source.find(address)
        found.append((_line(source, at) if at >= 0 else 0, what))
    return sorted(dict.fromkeys(found))[:MOST]


def _suspects(source: str) -> Iterator[SuspectAddress]:
    for match in _TARGET.finditer(source):
        target = unescape(next((match[name] for name in _TARGETS if match[name] is not None), "")).strip()
        scheme = _SCHEME.match(target)
        odd = not target or "{" in target or (scheme and scheme[1].lower() not in {"http", "https", "mailto"})
        if odd or (scheme and (unusable(target) or unreachable(target))):
            yield SuspectAddress(match.start(), _tag_of(source, match), target)


def _tag_of(source: str, match: re.Match[str]) -> str:
    """What the address is of; "" where the source does not say it there."""
    if match["bare"] is not None:
        return "img"
    if match["name"] is not None:
        return "img" if match["name"].lower() == "src" else "a"
    if match["inline"] is None:
        return ""
    depth = 0
    for at in range(match.start(), max(match.start() - _NEAR, -1), -1):
        depth += {"]": 1, "[": -1}.get(source[at], 0)
        if not depth:
            return "img" if source[at - 1 : at] == "!" else "a"
    return "a"


def _taken(places: list[SuspectAddress], given: str) -> SuspectAddress | None:
    """The first place that says `given`, else the first that is no address; taken out of `places`."""
    ways = {given, unquote(given)}
    said = [one for one in places if given and {one.target, unquote(one.target)} & ways]
    for suspect in said or [one for one in places if _is_none(one)]:
        places.remove(suspect)
        return suspect
    return None


def _is_none(one: SuspectAddress) -> bool:
    return "{" in one.target or absolute(one.target, _ANYWHERE, image=one.tag == "img") is None


def _line(source: str, at: int) -> int:
    return source.count("\n", 0, at) + 1


def _of_lost(tag: str, given: str) -> str:
    said = f"{' '.join(given.split())[:60]!r}" if given.strip() else "it is empty"
    if tag == "img":
        return f"picture without an address that readers can use ({said}): its alt text is shown; correct it"
    return f"link without an address that readers can use ({said}): its words are shown; correct it"


def _of_html(html: str, *, at_home: bool) -> Iterator[tuple[str, str]]:
    """(address, what is wrong) of what stays in feeds and on pages though not everybody can use it."""
    for piece in pieces(html):
        if piece.closing or piece.tag not in {"a", "img"}:
            continue
        address = piece.get("href" if piece.tag == "a" else "src")
        shown = f"{address[:60]!r}"
        if piece.tag == "a" and address[:1] != "#" and unusable(address):
            scheme = address.partition(":")[0]
            yield address, f"mail programs do not follow {scheme}: links ({shown}): mails show only its words"
        elif not at_home and unreachable(address):
            what = "picture" if piece.tag == "img" else "link"
            yield address, f"{what} that only this machine or network can reach ({shown}): readers cannot"
        elif piece.tag == "img" and piece.get("width") == piece.get("height") == "1":
            yield address, f"picture of one pixel ({shown}): it is left out of mails"
