"""The colors and fonts of mails and pages, and how readable one color is on another (WCAG 2.2, 1.4.3)."""

from dataclasses import dataclass

SERIF = "Iowan Old Style, Charter, Georgia, Noto Serif, serif"
SANS = "-apple-system, BlinkMacSystemFont, Segoe UI, Roboto, Noto Sans, Helvetica, Arial, sans-serif"

MIN_CONTRAST = 4.5
"""The least contrast of text (WCAG AA)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Colors as "#rrggbb", in light and in dark; fonts as CSS stacks without quotes.

    `accent` is for links and buttons, `quiet` for what may be overlooked, `line` for rules between parts,
    `tint` for what stands behind code.
    """

    paper: str = "#fdfcfa"
    ink: str = "#24221f"
    quiet: str = "#66615a"
    accent: str = "#0b5a70"
    line: str = "#e3dfd8"
    tint: str = "#f4f1eb"
    dark_paper: str = "#17181b"
    dark_ink: str = "#e8e4dd"
    dark_quiet: str = "#aba59b"
    dark_accent: str = "#86c9dc"
    dark_line: str = "#35383e"
    dark_tint: str = "#22242a"
    text_font: str = SERIF
    label_font: str = SANS

    @property
    def on_accent(self) -> str:
        """The color of words on a button."""
        return readable_ink(self.accent)

    @property
    def dark_on_accent(self) -> str:
        """The same in the dark."""
        return readable_ink(self.dark_accent)


FONT_FIELDS = ("text_font", "label_font")


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white), for two "#rrggbb"."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def readable_ink(color: str) -> str:
    """White or near-black, whichever reads better on `color`."""
    return max(("#ffffff", "#121417"), key=lambda ink: contrast(ink, color))


def lighten_for_dark(color: str, paper: str, least: float = 7.0) -> str:
    """`color`, lightened as little as makes it read on the dark `paper`."""
    red, green, blue = _channels(color)
    for step in range(21):
        share = step / 20
        light = "#" + "".join(f"{round(c + (255 - c) * share):02x}" for c in (red, green, blue))
        if contrast(light, paper) >= least:
            return light
    return "#ffffff"


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2, "relative luminance")."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in _channels(color))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
