"""Assets: files beside a post that are published with it, named by their bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import unquote

from publisher.core.patterns import lazy

ASSETS_FOLDER = "assets/"
"""The folder of assets under public/."""

_SCHEME = lazy(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CONTROL = lazy("[\x00-\x1f\x7f\ud800-\udfff]")
_NOT_PLAIN = lazy(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file a post refers to. `name` is the reference as `referenced_name` reads it; `path` is relative to
    posts.dir, with "/"; `size` counts bytes; `width` and `height` are pixels, of pictures where known.
    """

    name: str
    path: str
    sha256: str
    size: int
    width: int | None = None
    height: int | None = None

    @property
    def document(self) -> str:
        """Its path under public/: equal bytes under one name are one document, changed bytes another."""
        stem, _, suffix = self.path.rpartition("/")[2].rpartition(".")
        plain = _NOT_PLAIN.sub("-", stem).strip("-")[:60] or "file"
        return f"{ASSETS_FOLDER}{self.sha256[:16]}-{plain}.{suffix.lower()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetLocation:
    """Where readers find an asset: an absolute URL, and its size in pixels if known."""

    url: str
    width: int | None = None
    height: int | None = None


NO_ASSETS: Mapping[str, AssetLocation] = MappingProxyType({})
"""Of a post that refers to no file beside it."""


def referenced_name(reference: str) -> str | None:
    """The file a relative URL reference names: decoded, without query, fragment and a leading "./". None
    where it names none: with a scheme or a host, from the site's root, a pure fragment.
    """
    text = reference.strip().partition("#")[0].partition("?")[0]
    if not text or text[0] in "/\\" or _SCHEME.match(text):
        return None
    try:
        name = unquote(text, errors="strict")
    except UnicodeDecodeError:
        return None
    while name.startswith("./"):
        name = name[2:]
    return None if not name or _CONTROL.search(name) else name


def locate_asset(reference: str, files: Mapping[str, AssetLocation]) -> AssetLocation | None:
    """The location of the file that `reference` names, with its fragment; None if it is not among `files`."""
    found = files.get(referenced_name(reference) or "") if files else None
    _, mark, fragment = reference.strip().partition("#")
    if found is None or not mark:
        return found
    return AssetLocation(url=f"{found.url}#{fragment}", width=found.width, height=found.height)


def merge_assets(before: tuple[Asset, ...], now: tuple[Asset, ...]) -> tuple[Asset, ...]:
    """The assets of a post as it is `now`, then those it had `before`, which mails already sent still show.
    If two have one name, the first counts.
    """
    return (*now, *(asset for asset in before if asset not in now))
