"""What the whole site shares: its people, its title and addresses, text direction, and the license it
names.
"""

import re
from dataclasses import dataclass, field

from publisher.core.colors import Palette
from publisher.core.patterns import lazy


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An author. Only `name` is ever required (RFC 4287 3.2). `key` is what posts call an author whose
    name stands in a data file of the blog; "" where the post holds the name itself.
    """

    name: str
    email: str | None = None
    url: str | None = None
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """A picture that stands for the site's name. `width` and `height` are pixels as shown; `alt` is what
    it says.
    """

    url: str
    alt: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The publication, as settings describe it.

    `url` and `public_url` are absolute and end in "/": where readers read the posts, and where
    Publisher's own documents and pages are reached (self links, tokens). `language` is a BCP 47 tag,
    `timezone` an IANA name, `id_authority` the "host,date" of a tag: URI (RFC 4151 2.1).
    """

    title: str
    url: str
    public_url: str
    id_authority: str
    description: str = ""
    language: str = "en"
    timezone: str = "UTC"
    author: Person | None = None
    copyright: str = ""
    postal_address: str = ""
    palette: Palette = field(default_factory=Palette)
    logo: Logo | None = None


RTL_LANGUAGES = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "iw", "ps", "sd", "ug", "ur", "yi"})


def text_direction(language: str) -> str:
    """ "rtl" or "ltr" for a BCP 47 tag: by its script where one is named, else by its language."""
    parts = language.lower().replace("_", "-").split("-")
    if len(parts) > 1 and len(parts[1]) == 4:
        return "rtl" if parts[1] in {"arab", "hebr", "syrc", "thaa", "nkoo", "adlm"} else "ltr"
    return "rtl" if parts[0] in RTL_LANGUAGES else "ltr"


_URL = lazy(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
_CREATIVE_COMMONS = lazy(
    r"\bCC[ -](BY(?:-NC)?(?:-(?:SA|ND))?)[ -](\d\.\d)\b|\bCC0(?:[ -](\d\.\d))?\b", re.IGNORECASE
)


def license_url(rights: str) -> str:
    """The URL in `rights`, or that of the Creative Commons licence it names ("CC BY 4.0"); "" for none."""
    if found := _URL.search(rights):
        return found[0]
    found = _CREATIVE_COMMONS.search(rights.replace("CC BY ", "CC-BY "))
    if found is None:
        return ""
    if found[1] is None:
        return f"https://creativecommons.org/publicdomain/zero/{found[3] or '1.0'}/"
    return f"https://creativecommons.org/licenses/{found[1].lower()}/{found[2]}/"
