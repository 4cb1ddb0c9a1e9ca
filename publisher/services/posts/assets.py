"""Assets: what posts refer to beside them, where readers find it, and the copies under public/assets/."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from publisher.core.posts.assets import NO_FILES, Asset, Placed
from publisher.core.posts.post import Image, Post
from publisher.core.publishing.log import Known
from publisher.services.deps import Parts
from publisher.services.feeds.documents import Wanted


def files_of(parts: Parts, post: Post) -> Mapping[str, Placed]:
    """Where the files that `post` refers to stand, by their names in it; none where posts have no pages."""
    if not parts.pages or not post.assets:
        return NO_FILES
    # Last first: of one name the first counts.
    return {asset.name: _placed(parts, asset) for asset in reversed(post.assets)}


def image_of(parts: Parts, post: Post) -> Image | None:
    """The post's picture, as readers get it."""
    image = post.image
    found = files_of(parts, post).get(image.file) if image else None
    if image is None or found is None:
        return image
    width, height = (image.width, image.height) if image.width else (found.width, found.height)
    return replace(image, url=found.url, width=width, height=height)


def asset_documents(parts: Parts, live: Sequence[Known]) -> list[Wanted]:
    """A document for each asset of the posts in `live`, byte for byte the file."""
    assets = {asset.document: asset for known in live for asset in known.post.assets}

    def make(asset: Asset) -> Callable[[], bytes | None]:
        return lambda: _bytes(parts, asset)

    return [
        Wanted(path=path, fingerprint=asset.sha256, make=make(asset))
        for path, asset in sorted(assets.items())
    ]


def _placed(parts: Parts, asset: Asset) -> Placed:
    url = parts.site.public_url + asset.document
    return Placed(url=url, width=asset.width, height=asset.height)


def _bytes(parts: Parts, asset: Asset) -> bytes | None:
    """The file, if it still has the bytes that its name speaks of."""
    data = parts.source().file(asset.path)
    return data if data is not None and hashlib.sha256(data).hexdigest() == asset.sha256 else None
