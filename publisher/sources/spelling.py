"""How generators spell the names of files and folders in addresses."""

import re
import unicodedata

_ALLOWED = frozenset("./\\_#+~-@")
_NOT_GITHUBS = re.compile(r"[^\w\- ]+")
_NOT_ZOLAS = re.compile(r"[^a-z0-9]+")


def as_written(name: str) -> str:
    """Names stay as they are."""
    return name


def hugo(name: str) -> str:
    """Hugo's paths: small letters, a hyphen for blank space, no other signs (paths.MakePathSanitized)."""
    found: list[str] = []
    waiting = False
    for sign in name:
        if sign in _ALLOWED or unicodedata.category(sign)[0] in "LM" or sign.isdigit():
            found += ("-", sign) if waiting and sign != "-" else (sign,)
            waiting = False
        elif found and found[-1] != "-" and sign.isspace():
            waiting = True
    return "".join(found).lower()


def zola(name: str) -> str:
    """Zola's slugs: ASCII where it can be; names of other scripts stay."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    found = _NOT_ZOLAS.sub("-", plain).strip("-")
    return found or name


def github(name: str) -> str:
    """github-slugger's, which Astro's collections use."""
    return _NOT_GITHUBS.sub("", name.lower()).replace(" ", "-")
