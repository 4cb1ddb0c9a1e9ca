"""How large a picture is, from its first bytes: PNG, GIF, JPEG, WebP. Pure."""

import struct

Size = tuple[int, int]

_SEGMENTS = 10_000
"""Segments of a JPEG that are looked at: a file with more is made to keep us busy."""


def size_of(data: bytes) -> Size | None:
    """Width and height in pixels as shown (a JPEG's orientation counts); None where that is not known."""
    try:
        found = _size_of(data)
    except (struct.error, IndexError):  # it ends too soon
        return None
    return found if found and all(0 < side < 100_000 for side in found) else None


def _size_of(data: bytes) -> Size | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        return struct.unpack_from(">II", data, 16)
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return struct.unpack_from("<HH", data, 6)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    return _jpeg(data) if data.startswith(b"\xff\xd8\xff") else None


def _webp(data: bytes) -> Size | None:
    kind = data[12:16]
    if kind == b"VP8X":
        wide, high = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return wide, high
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        wide, high = struct.unpack_from("<HH", data, 26)
        return wide & 0x3FFF, high & 0x3FFF
    return None


def _jpeg(data: bytes) -> Size | None:
    """From the frame header (ITU T.81 B.2.2); turned where Exif says the camera was."""
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
            turned = _orientation(data[at + 10 : at + 2 + length]) >= 5
        at += 2 + length
    return None


def _orientation(exif: bytes) -> int:
    """Tag 0x0112 of the first directory (TIFF 6.0); 1 where there is none."""
    order = "<" if exif[:2] == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    for n in range(count):
        tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * n)
        if tag == 0x0112:
            return int(value)
    return 1
