"""Assets: what posts refer to beside them, where readers find it, and the copies under public/assets/."""

from collections.abc import Mapping
from dataclasses import replace

from publisher.core.posts.assets import NO_FILES, Asset, Placed
from publisher.core.posts.post import Image, Post
from publisher.services.deps import Deps


def files_of(parts: Deps, post: Post) -> Mapping[str, Placed]:
    """Where the files that `post` refers to stand, by their names in it; none where posts have no pages."""
    if not parts.pages or not post.assets:
        return NO_FILES
    # Last first: of one name the first counts.
    return {asset.name: _placed(parts, asset) for asset in reversed(post.assets)}


def image_of(parts: Deps, post: Post) -> Image | None:
    """The post's picture, as readers get it."""
    image = post.image
    found = files_of(parts, post).get(image.file) if image else None
    if image is None or found is None:
        return image
    width, height = (image.width, image.height) if image.width else (found.width, found.height)
    return replace(image, url=found.url, width=width, height=height)


def _placed(parts: Deps, asset: Asset) -> Placed:
    url = parts.site.public_url + asset.document
    return Placed(url=url, width=asset.width, height=asset.height)
