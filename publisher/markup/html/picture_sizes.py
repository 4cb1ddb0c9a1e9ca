"""Pictures of safe HTML get their size, so that nothing jumps while a page or a mail loads."""

from collections.abc import Sequence

from publisher.core.posts.assets import Placed
from publisher.markup.html.fragments import pieces


def sized(source: str, files: Sequence[Placed]) -> str:
    """`source` with width and height on each img of `files` that has neither and whose size is known."""
    sizes = {file.url: (file.width, file.height) for file in files if file.width and file.height}
    if not sizes or "<img" not in source:
        return source
    parts: list[str] = []
    for piece in pieces(source):
        raw = piece.raw
        if piece.tag == "img" and not piece.get("width") and not piece.get("height"):
            width, height = sizes.get(piece.get("src"), (None, None))
            raw = raw[:-1].rstrip(" /") + f' width="{width}" height="{height}">' if width else raw
        parts.append(raw)
    return "".join(parts)
