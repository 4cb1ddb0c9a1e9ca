"""The licence that a rights line names, as the address machines know it by (RFC 4946)."""

import re

from publisher.core.patterns import lazy

_URL = lazy(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
_CREATIVE_COMMONS = lazy(
    r"\bCC[ -](BY(?:-NC)?(?:-(?:SA|ND))?)[ -](\d\.\d)\b|\bCC0(?:[ -](\d\.\d))?\b", re.IGNORECASE
)


def license_of(rights: str) -> str:
    """The URL in `rights`, or that of the Creative Commons licence it names ("CC BY 4.0"); "" for none."""
    if found := _URL.search(rights):
        return found[0]
    found = _CREATIVE_COMMONS.search(rights.replace("CC BY ", "CC-BY "))
    if found is None:
        return ""
    if found[1] is None:
        return f"https://creativecommons.org/publicdomain/zero/{found[3] or '1.0'}/"
    return f"https://creativecommons.org/licenses/{found[1].lower()}/{found[2]}/"
