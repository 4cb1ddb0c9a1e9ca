"""Assets: which references in a body name a file beside the post, and that file's hash, size and dimensions.

Files outside the folder of posts are never opened.
"""

import hashlib
import os
import re
import stat
import struct
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from publisher.core.caching import lazy
from publisher.core.posts.post import MAX_RESIZED_PIXELS, SMALL_WIDTH, Asset, Post, referenced_name
from publisher.sources.file_reading import StabilityCheck, read_stable

ImageSize = tuple[int, int]

_SEGMENTS = 10_000
"""The most segments of a JPEG that are read: a file with more was made to waste time."""

MAX_ASSET_BYTES = 25 * 1024 * 1024
"""The most bytes of an asset."""

MAX_SCANS = 100
"""A JPEG that is unpacked has at most as many scans: each goes over the whole picture."""

ASSET_SUFFIXES = frozenset(
    "aac avif csv epub flac gif ics jpeg jpg m4a m4v mov mp3 mp4 oga ogg ogv opus pdf png srt svg txt vtt wav"  # noqa: SIM905  # a list of suffixes reads better as one line
    " webm webp zip".split()
)
"""The suffixes that an asset may have."""

_TARGETS = lazy(
    r"""!\[\[(?P<wiki>[^\[\]|\n]+)(?=[|\]])|\]\(\s*(?:<(?P<angled>[^<>\n]+)>|(?P<bare>[^\s()<>]+(?:\([^\s()]*\)[^\s()]*)*))"""
    r"""|^[ ]{0,3}\[[^\]\n]+\]:\s*(?:<(?P<defined>[^<>\n]+)>|(?P<plain>\S+))"""
    r"""|\b(?:src|href|poster)\s*=\s*(?:"(?P<double>[^"\n]*)"|'(?P<single>[^'\n]*)'|(?P<word>[^\s"'<>]+))"""
    r"""|\bsrcset\s*=\s*(?:"(?P<set>[^"]*)"|'(?P<set2>[^']*)')""",
    re.MULTILINE | re.IGNORECASE,
)
PICTURE_SUFFIXES = frozenset(["avif", "gif", "jpeg", "jpg", "png", "svg", "webp"])
NOT_IN_MAILS = frozenset(["avif", "svg"])
SHOWN_SUFFIXES = PICTURE_SUFFIXES | frozenset(
    "aac flac m4a m4v mov mp3 mp4 oga ogg ogv opus wav webm".split()  # noqa: SIM905  # as above
)
_SHOWN = lazy(r"<(?:audio|img|source|video)\b[^<>]*$|!\[[^\[\]]*$", re.IGNORECASE)
_LOOKBEHIND = 2_000
"""How many characters before a URL are searched for the beginning of its picture."""

_ESCAPED = lazy(r"\\([!-/:-@\[-`{-~])")
_FENCE = lazy(r"^[ \t]*(?:`{3,}(?=[^`\n]*$)|~~~)", re.MULTILINE)
AssetCache = dict[tuple[str, int, int], Asset]


def image_size(data: bytes) -> ImageSize | None:
    """Width and height in pixels as shown (a JPEG's orientation counts); None if unknown."""
    found: ImageSize | None = None
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            found = struct.unpack_from(">II", data, 16)
        elif data[:6] in (b"GIF87a", b"GIF89a"):
            found = struct.unpack_from("<HH", data, 6)
        elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            found = webp_size(data)
        elif data.startswith(b"\xff\xd8\xff"):
            found = jpeg_size(data)
    except (struct.error, IndexError):  # the file is cut off
        return None
    return found if found and all(0 < side < 100_000 for side in found) else None


def webp_size(data: bytes) -> ImageSize | None:
    """Width and height of a WebP picture, from the header of any of its three forms."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return width, height
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def jpeg_size(data: bytes) -> ImageSize | None:
    """Width and height from a JPEG's frame header (ITU T.81 B.2.2), swapped if Exif says that the camera was
    held sideways.
    """
    at, turned = 2, False
    for _ in range(_SEGMENTS):
        if at + 9 >= len(data) or data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            high, wide = struct.unpack_from(">HH", data, at + 5)
            return (high, wide) if turned else (wide, high)
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            turned = exif_orientation(data[at + 10 : at + 2 + length]) >= 5
        at += 2 + length
    return None


def exif_orientation(exif: bytes) -> int:
    """Tag 0x0112 of the first directory (TIFF 6.0); 1 if there is none."""
    order = "<" if exif[:2] == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    for n in range(count):
        tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * n)
        if tag == 0x0112:
            return int(value)
    return 1


def find_references(body: str) -> dict[str, int]:
    """The names of files that a body, Markdown or HTML, may refer to, each with the line (from 0) that first
    shows it as a picture, or -1. Some may be in code.
    """
    found: dict[str, int] = {}
    code: CodeRanges | None = None
    for match in _TARGETS.finditer(body):
        kind = match.lastgroup or ""
        text = unescape(match[kind])
        targets = [part.split()[0] for part in text.split(",") if part.strip()] if "set" in kind else [text]
        for target in targets:
            name = referenced_name(target.strip() if kind == "wiki" else _ESCAPED.sub(r"\1", target))
            if not name or suffix_of(name) not in ASSET_SUFFIXES:
                continue
            line = found.setdefault(name, -1)
            at = match.start()
            shown_as_picture = (
                line < 0
                and suffix_of(name) in SHOWN_SUFFIXES
                and (kind == "wiki" or _SHOWN.search(body, max(0, at - _LOOKBEHIND), at))
            )
            if shown_as_picture:
                code = code or CodeRanges(body)
                if not code.holds(at):
                    found[name] = body.count("\n", 0, at)
    return found


class AssetFolder:
    """The files of one folder of posts. Hashes are cached while a file's size and time stay the same."""

    def __init__(self, folder: Path, rest: StabilityCheck | None = None) -> None:
        self.folder = folder
        self._rest = rest
        self._seen: AssetCache = {}

    def find(self, post: Post, names: Mapping[str, int]) -> tuple[list[Asset], list[str]]:
        """Those of `names` that are files beside the post or in the folder of its name; and warnings, among
        them one for each missing picture, with the line that `names` has for it (0: none). Raises FileBusy if
        a file is still being written.
        """
        assets: list[Asset] = []
        warnings: list[str] = []
        home = PurePosixPath(post.path)
        for name, line in names.items():
            found: Asset | str | None = None
            for place in (home.parent / name, home.with_suffix("") / name):
                found = self._asset(name, place.as_posix())
                if isinstance(found, str):
                    warnings.append(found)
                elif found is not None:
                    assets.append(found)
                if found is not None:
                    break
            suffix, where = suffix_of(name), f"line {line}: " if line > 0 else ""
            if line < 0:
                continue
            if found is None and suffix in PICTURE_SUFFIXES:
                warnings.append(f"{where}{name}: no such picture beside the post; add it or fix its name")
            elif found is None:
                warnings.append(f"{where}{name}: no such file beside the post; add it or fix its name")
            elif suffix in NOT_IN_MAILS:
                what = f"mails show its words instead, because few mail programs know .{suffix} pictures"
                warnings.append(f"{where}{name}: {what}; use PNG or JPEG")
        return assets, warnings

    def read(self, path: str) -> bytes | None:
        """The bytes of the file at `path`, relative to the folder; None: it is gone or may not be
        published.
        """
        real = self._real(path)
        data = None if real is None else read_asset(real)
        return data[0] if isinstance(data, tuple) else None

    def _asset(self, name: str, path: str) -> Asset | str | None:
        """The asset at `path`; None if there is no such file; a text if it cannot be used, and why."""
        real = self._real(path)
        if real is None:
            return None
        found = real.stat()
        path = real.relative_to(os.path.realpath(self.folder)).as_posix()
        if found.st_size > MAX_ASSET_BYTES:
            return f"{name}: {found.st_size} bytes; a file beside a post has at most {MAX_ASSET_BYTES}"
        key = (path, found.st_size, found.st_mtime_ns)
        if key not in self._seen:
            data = read_asset(real, self._rest)
            if not isinstance(data, tuple):
                return f"{name}: cannot be read ({data}); fix its permissions"
            width, height = image_size(data[0]) or (None, None)
            digest = hashlib.sha256(data[0]).hexdigest()
            size = len(data[0])
            self._seen[key] = Asset(name="", path=path, sha256=digest, size=size, width=width, height=height)
        return replace(self._seen[key], name=name)

    def _real(self, path: str) -> Path | None:
        """The file at `path` with links resolved, if it is regular, inside the folder, not hidden, and of a
        known type.
        """
        root = Path(os.path.realpath(self.folder))
        try:
            real = (root / path).resolve(strict=True)
            inside = real.is_relative_to(root) and stat.S_ISREG(real.stat().st_mode)
        except (OSError, RuntimeError, ValueError):  # not there, a link in a circle, no name for a file
            return None
        if not inside or any(part.startswith(".") for part in real.relative_to(root).parts):
            return None
        return real if suffix_of(real.name) in ASSET_SUFFIXES else None


def suffix_of(name: str) -> str:
    return name.rpartition(".")[2].lower()


def read_asset(real: Path, rest: StabilityCheck | None = None) -> tuple[bytes] | str:
    """The bytes, or the system's error. Opened without blocking: a pipe may have replaced the file."""
    try:
        handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return "not a regular file"
            return (read_stable(handle, status, rest, MAX_ASSET_BYTES + 1),)
        finally:
            os.close(handle)
    except OSError as error:
        return error.strerror or str(error)


def smaller_picture(data: bytes) -> bytes:
    """A JPEG, PNG or WebP at most SMALL_WIDTH wide, as it is meant to be turned, without its metadata. `data`
    itself if it is moving, broken or too large to be unpacked, or would gain nothing.
    """
    size = image_size(data)
    if size is None or size[0] * size[1] > MAX_RESIZED_PIXELS or data.count(b"\xff\xda") > MAX_SCANS:
        return data
    from PIL import Image, ImageOps  # only large pictures need it

    made = BytesIO()
    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as picture:
            if getattr(picture, "n_frames", 1) > 1 or picture.width * picture.height > MAX_RESIZED_PIXELS:
                return data
            kind, profile = picture.format, picture.info.get("icc_profile")
            picture.draft("RGB", (2 * SMALL_WIDTH, 2 * SMALL_WIDTH))  # a JPEG is unpacked smaller
            shown = ImageOps.exif_transpose(picture)
            has_alpha = shown.mode in ("LA", "PA", "RGBA") or "transparency" in shown.info
            if shown.mode not in ("L", "RGB", "RGBA"):
                profile = None if shown.mode == "CMYK" else profile
                shown = shown.convert("RGBA" if has_alpha and kind != "JPEG" else "RGB")
            width = min(size[0], SMALL_WIDTH)
            height = max(1, round(size[1] * width / size[0]))
            shown = shown.resize((width, height), Image.Resampling.LANCZOS)  # pyright: ignore[reportUnknownMemberType]
            options: dict[str, Any] = {"icc_profile": profile} if profile else {}
            match kind:
                case "JPEG":
                    options |= {"quality": 82, "optimize": True, "progressive": True}
                case "WEBP":
                    options |= {"quality": 80}
                case _:
                    options |= {"optimize": True}
            shown.save(made, kind, **options)
    except Exception:  # whatever is wrong with a file from outside: readers get it as it is
        return data
    return made.getvalue() if made.tell() < len(data) else data


class CodeRanges:
    """Which places of a body are in a fenced code block, or between backticks on their line."""

    def __init__(self, body: str) -> None:
        self._fences = [match.start() for match in _FENCE.finditer(body)]
        self._ticks = [match.start() for match in re.finditer("`", body)]
        self._body = body

    def holds(self, at: int) -> bool:
        """Whether the character at `at` is code."""
        line = self._body.rfind("\n", 0, at) + 1
        ticks = bisect_left(self._ticks, at) - bisect_left(self._ticks, line)
        return bisect_left(self._fences, at) % 2 == 1 or ticks % 2 == 1
