"""What the whole site shares: people, title and addresses, colors and fonts, text direction, and the license
it names. Contrast of colors is that of WCAG 2.2, 1.4.3.

Also the record of the service that works on a site (`publisher run`), and of the settings that it uses.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from publisher.core.caching import lazy

SERIF = "Iowan Old Style, Charter, Georgia, Noto Serif, serif"
SANS = "-apple-system, BlinkMacSystemFont, Segoe UI, Roboto, Noto Sans, Helvetica, Arial, sans-serif"

MIN_CONTRAST = 4.5
"""The least contrast of text (WCAG AA)."""

FONT_FIELDS = ("text_font", "label_font")
RTL_LANGUAGES = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "iw", "ps", "sd", "ug", "ur", "yi"})
_URL = lazy(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")

_CREATIVE_COMMONS = lazy(
    r"\bCC[ -](BY(?:-NC)?(?:-(?:SA|ND))?)[ -](\d\.\d)\b|\bCC0(?:[ -](\d\.\d))?\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Colors as "#rrggbb", for light and for dark mode; fonts as CSS stacks without quotes.

    `paper` is the background and `ink` the text; `accent` is for links and buttons, `quiet` for text of less
    importance, `line` for rules between parts, `tint` for the background of code.
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
        """The color of text on a button."""
        return readable_ink(self.accent)

    @property
    def dark_on_accent(self) -> str:
        """The same in dark mode."""
        return readable_ink(self.dark_accent)


def contrast(one: str, other: str) -> float:
    """The contrast of two "#rrggbb", from 1 (equal) to 21 (black and white)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def readable_ink(color: str) -> str:
    """White or near-black, whichever reads better on `color`."""
    return max(("#ffffff", "#121417"), key=lambda ink: contrast(ink, color))


def lighten_for_dark(color: str, paper: str, least: float = 7.0) -> str:
    """`color`, lightened just enough to be readable on the dark `paper`."""
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


DEFAULT_LANGUAGE, DEFAULT_TIMEZONE = "en", "UTC"
"""Of a site, and of its posts, where neither settings nor a generator's configuration say another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An author. Only `name` is required (RFC 4287 3.2). `key` is what posts call an author whose name is in
    a data file of the blog, "" if posts have the name itself.
    """

    name: str
    email: str | None = None
    url: str | None = None
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """A picture shown instead of the site's name. `width` and `height` are in pixels as shown; `alt` is its
    alternative text.
    """

    url: str
    alt: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The publication, as settings describe it.

    `url` and `public_url` are absolute and end in "/": where people read the posts, and where Publisher's
    own documents and pages are reached (self links, tokens). `language` is a BCP 47 tag, `timezone` an IANA
    name, `id_authority` the "host,date" of a tag: URI (RFC 4151 2.1). `icon` is the URL of a square picture,
    "" for none.
    """

    title: str
    url: str
    public_url: str
    id_authority: str
    description: str
    language: str
    timezone: str
    author: Person | None
    copyright: str
    postal_address: str
    palette: Palette
    logo: Logo | None
    icon: str

    @property
    def home(self) -> str:
        """The path of `public_url`: a link to it stays on the server that a page comes from, also on a
        server that only this machine reaches.
        """
        return urlsplit(self.public_url).path


def text_direction(language: str) -> str:
    """ "rtl" or "ltr" for a BCP 47 tag: by its script if it names one, else by its language."""
    parts = language.lower().replace("_", "-").split("-")
    if len(parts) > 1 and len(parts[1]) == 4:
        return "rtl" if parts[1] in {"arab", "hebr", "syrc", "thaa", "nkoo", "adlm"} else "ltr"
    return "rtl" if parts[0] in RTL_LANGUAGES else "ltr"


_PLAIN_URL = lazy(
    r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?(?:[/?#][!-\[\]-~]*)?", re.IGNORECASE
)


def web_origin(url: str) -> str:
    """The origin of a URL as browsers write it (RFC 6454 6.2), "https://blog.example.org"; "" for one that a
    browser may read otherwise: with a user, a backslash, space, or letters beyond ASCII.
    """
    if not (found := _PLAIN_URL.fullmatch(url)):
        return ""
    scheme, host, port = found[1].lower(), found[2].lower(), found[3]
    usual = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{host}" + (f":{int(port)}" if port and int(port) != usual else "")


def license_url(rights: str) -> str:
    """The URL in `rights`, or that of the Creative Commons license it names ("CC BY 4.0"); "" for none."""
    if found := _URL.search(rights):
        return found[0]
    found = _CREATIVE_COMMONS.search(rights.replace("CC BY ", "CC-BY "))
    if found is None:
        return ""
    if found[1] is None:
        return f"https://creativecommons.org/publicdomain/zero/{found[3] or '1.0'}/"
    return f"https://creativecommons.org/licenses/{found[1].lower()}/{found[2]}/"


HEARTBEAT = timedelta(seconds=5)
"""How often a service says that it lives."""

SILENT = timedelta(seconds=30)
"""A service that has said nothing for this long is not counted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsGeneration:
    """Settings that were found good. `values` are (hash of the value, where it was written) by full names;
    no secret is among them, and `digest` is one of the hashes.
    """

    number: int
    digest: str
    at: datetime
    version: str
    values: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """A `publisher run`. `token` is different for each; `store` is the path of its store, and `inode` the
    number of that file. The times of publishing, delivering and serving are those of the last success.
    `problem` is why its settings on the disk are not in force, `restart` those that need a new process.
    Whoever asks for a reload counts `asked` up; the service sets `answered` to what it has seen.
    """

    token: str
    host: str
    pid: int
    version: str
    store: str
    inode: int
    web_only: bool
    generation: int
    started_at: datetime
    heartbeat_at: datetime
    stopped_at: datetime | None = None
    published_at: datetime | None = None
    delivered_at: datetime | None = None
    served_at: datetime | None = None
    problem: str = ""
    problem_since: datetime | None = None
    restart: tuple[str, ...] = ()
    asked: int = 0
    answered: int = 0

    def is_alive(self, now: datetime) -> bool:
        """Whether it has not stopped, and was heard of lately. A clock that differs a little does no harm."""
        return self.stopped_at is None and abs(now - self.heartbeat_at) < SILENT

    @property
    def name(self) -> str:
        """ "`publisher run` (pid 12 on web1)"."""
        return f"`publisher run` (pid {self.pid} on {self.host})"


class AuditDoor(StrEnum):
    """By what an act was done."""

    COMMAND = "command"
    ADMIN = "admin"
    API = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One act of a person. `who` is the name of a token, or a user of this machine; `act` is named as the
    command is ("mailings pause"), `about` its words without addresses; `subscriber` is the number of the one
    concerned.
    """

    at: datetime
    who: str
    via: AuditDoor
    act: str
    about: str = ""
    subscriber: int | None = None
    done: bool = True


def differences(
    theirs: Mapping[str, tuple[str, str]], ours: Mapping[str, tuple[str, str]]
) -> list[tuple[str, str, str]]:
    """(setting, where they have it, where we have it) of each with another value, by name."""
    nowhere = ("", "nowhere")
    pairs = {key: (theirs.get(key, nowhere), ours.get(key, nowhere)) for key in theirs.keys() | ours.keys()}
    return [(key, their[1], our[1]) for key, (their, our) in sorted(pairs.items()) if their[0] != our[0]]
