"""Kinds of values that say how mails look: the palette and the logo."""

import re
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, cast

from publisher.config.types import Kind, Wrong, url
from publisher.core.colors import FONTS, Palette

_KEYS = tuple(field.name for field in fields(Palette))


def _table(value: object, keys: tuple[str, ...]) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Wrong
    given = cast("dict[str, object]", value)
    for key in given:
        if key not in keys:
            near = get_close_matches(key, keys, n=1)
            raise Wrong(f"{key!r} is unknown; " + (f"did you mean {near[0]}?" if near else ", ".join(keys)))
    return given


def _palette(value: object) -> dict[str, str]:
    return {key: _look(key, item) for key, item in _table(value, _KEYS).items()}


def _look(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise Wrong(f"{key} must be a text")
    if key in FONTS:
        if not re.fullmatch(r"[\w -]+(, ?[\w -]+)*", value):
            raise Wrong(f"{key} must be names of fonts with commas between, without quotes")
        return value
    colour = value.lower()
    if re.fullmatch("#[0-9a-f]{3}", colour):
        colour = "#" + "".join(c * 2 for c in colour[1:])
    if not re.fullmatch("#[0-9a-f]{6}", colour):
        raise Wrong(f'{key} must be a colour such as "#0b5a70"')
    return colour


def _logo(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        value = {"url": value}
    given = _table(value, ("url", "alt", "width", "height"))
    if not isinstance(given.get("url"), str) or not isinstance(given.get("alt", ""), str):
        raise Wrong
    for side in ("width", "height"):
        size = given.get(side, 1)
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 536:
            raise Wrong(f"{side} must be pixels, from 1 to 536")
    return given | {"url": url(given["url"]).removesuffix("/")}


PALETTE = Kind(
    expects='colours and fonts, as in {accent = "#0b5a70", text_font = "Georgia, serif"}',
    read=_palette,
    verbatim=False,
)
LOGO = Kind(
    expects='a picture, as in {url = "https://example.org/logo.png", width = 120, height = 40}',
    read=_logo,
    verbatim=False,
)
