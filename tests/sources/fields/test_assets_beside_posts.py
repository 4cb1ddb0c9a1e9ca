"""Files beside posts: found, measured, and never taken from outside the folder."""

import os
import struct
import zlib
from pathlib import Path

import pytest
from declared import source_rules

from publisher.core.posts.post import ParsedPost, Post
from publisher.sources import FolderSource
from publisher.sources.fields.assets import MAX_ASSET_BYTES, find_references, image_size

RULES = source_rules(site_url="https://x.example/", pages=True)
HEAD = "---\ntitle: T\ndate: 2026-10-01\n---\n"


def png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def read(folder: Path, body: str, path: str = "a/index.md", front: str = HEAD) -> Post:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(front + body, encoding="utf-8")
    found = FolderSource(folder, RULES).read(path)
    assert isinstance(found, ParsedPost)
    return found.post


def names(post: Post) -> list[str]:
    return [asset.name for asset in post.assets]


def test_files_that_a_body_refers_to_are_its_assets(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("one.png", "two words.pdf", "três.mp3", "x1.png", "x2.png", "def.txt", "unused.png"):
        (tmp_path / "a" / name).write_bytes(png(3, 2))
    body = (
        "![a](one.png 'T') [b](<two words.pdf>) [c](tr%C3%AAs.mp3)\n"
        '<img srcset="x1.png 1x, x2.png 2x">\n\n[d]\n\n[d]: def.txt\n\n![no](missing.png) [web](https://y.example/one.png)'
    )
    post = read(tmp_path, body)
    assert sorted(names(post)) == ["def.txt", "one.png", "três.mp3", "two words.pdf", "x1.png", "x2.png"]
    one = next(asset for asset in post.assets if asset.name == "one.png")
    assert (one.path, one.width, one.height) == ("a/one.png", 3, 2)


def test_a_folder_of_the_posts_name_holds_its_files_too(tmp_path: Path) -> None:
    (tmp_path / "tides").mkdir()
    (tmp_path / "tides/moon.png").write_bytes(png(1, 1))
    post = read(tmp_path, "![m](moon.png)", "tides.md")
    assert [asset.path for asset in post.assets] == ["tides/moon.png"]


def test_a_picture_in_front_matter_is_an_asset(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/cover.png").write_bytes(png(9, 8))
    post = read(tmp_path, "Text.", front=HEAD.replace("title: T", "title: T\nimage: cover.png"))
    assert names(post) == ["cover.png"]
    assert post.image is not None
    assert post.image.file == "cover.png"


def test_a_picture_in_front_matter_that_is_no_file_stays_an_address(tmp_path: Path) -> None:
    post = read(tmp_path, "Text.", front=HEAD.replace("title: T", "title: T\nimage: cover.png"))
    assert post.image is not None
    assert (post.assets, post.image.url) == ((), "https://x.example/posts/2026/10/01/a/cover.png")


@pytest.mark.parametrize(
    "reference",
    [
        "../../secret.txt",
        "..%2F..%2Fsecret.txt",
        "link.txt",
        "folder/secret.txt",
        "../.hidden.txt",
        "/secret.txt",
    ],
)
def test_nothing_outside_the_folder_or_hidden_goes_out(tmp_path: Path, reference: str) -> None:
    posts = tmp_path / "posts"
    (posts / "a").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("s", encoding="utf-8")
    (posts / ".hidden.txt").write_text("s", encoding="utf-8")
    (posts / "a/link.txt").symlink_to(tmp_path / "secret.txt")
    (posts / "a/folder").symlink_to(tmp_path)
    assert read(posts, f"[x]({reference})").assets == ()


def test_only_ordinary_files_of_known_kinds_go_out(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("b.md", "c.html", "d.php", "e.db", "f"):
        (tmp_path / "a" / name).write_text("x", encoding="utf-8")
    os.mkfifo(tmp_path / "a/pipe.txt")
    (tmp_path / "a/dir.txt").mkdir()
    body = " ".join(
        f"[x]({name})" for name in ("b.md", "c.html", "d.php", "e.db", "f", "pipe.txt", "dir.txt")
    )
    assert read(tmp_path, body).assets == ()


def test_a_file_too_large_is_said_and_left(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with (tmp_path / "a/film.mp4").open("wb") as file:
        file.truncate(MAX_ASSET_BYTES + 1)
    post = read(tmp_path, "[film](film.mp4)")
    assert post.assets == ()
    assert post.warnings == (
        f"film.mp4: {MAX_ASSET_BYTES + 1} bytes; a file beside a post has at most {MAX_ASSET_BYTES}",
    )


def test_a_picture_that_is_not_there_is_said_once_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/here.png").write_bytes(png(1, 1))
    body = (
        "![a](here.png) ![b](gone.png)\n\n[![c](small.jpg)](large.pdf) ![b](gone.png)\n\n"
        "<img\nsrc='other.webp'>\n\n"
        "`![x](code.png)` [a link](link.png) ![y](https://x.example/far.png) ![z](/root.png)\n\n"
        "```\n![q](fence.png)\n```\n"
    )
    post = read(tmp_path, body)
    first = HEAD.count("\n") + 1
    say = "no such picture beside the post; add it or fix its name"
    assert [asset.name for asset in post.assets] == ["here.png"]
    assert post.warnings == (
        f"line {first}: gone.png: {say}",
        f"line {first + 2}: small.jpg: {say}",
        f"line {first + 5}: other.webp: {say}",
    )


def test_the_picture_in_front_matter_is_missed_too(tmp_path: Path) -> None:
    post = read(tmp_path, "Text.", front=HEAD.replace("title: T", "title: T\nimage: cover.png"))
    assert post.warnings == ("cover.png: no such picture beside the post; add it or fix its name",)


def test_a_file_made_to_keep_us_busy_has_no_size() -> None:
    for filling in (b"\xff" * 5_000_000, b"\xff\xe0\x00\x00" * 1_000_000, b"\xff\xe0\x00\x02" * 1_000_000):
        assert image_size(b"\xff\xd8" + filling) is None


def test_a_draft_and_a_site_with_its_own_pages_have_no_assets(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.png").write_bytes(png(1, 1))
    draft = read(tmp_path, "![a](one.png)", front=HEAD.replace("title: T", "title: T\ndraft: true"))
    assert draft.assets == ()
    found = FolderSource(tmp_path, source_rules(site_url="https://x.example/")).read("a/index.md")
    assert isinstance(found, ParsedPost)
    assert found.post.assets == ()


def test_bytes_go_out_only_through_the_same_door(tmp_path: Path) -> None:
    posts = tmp_path / "posts"
    posts.mkdir()
    (tmp_path / "secret.txt").write_text("s", encoding="utf-8")
    (posts / "a.txt").write_text("a", encoding="utf-8")
    source = FolderSource(posts, RULES)
    assert source.file("a.txt") == b"a"
    assert source.file("../secret.txt") is None
    assert source.file("gone.txt") is None


def test_references_are_found_quickly_in_odd_bodies() -> None:
    for odd in (
        "](" * 50_000,
        "[" * 100_000,
        "src=" * 50_000,
        "](a(b" * 30_000,
        "[x]:" * 30_000,
        '<a href="' * 20_000,
    ):
        assert find_references(odd) == {}


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png(640, 480), (640, 480)),
        (b"GIF89a" + struct.pack("<HH", 20, 10), (20, 10)),
        (
            b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + (99).to_bytes(3, "little") + (49).to_bytes(3, "little"),
            (100, 50),
        ),
        (
            b"\xff\xd8\xff\xe0\x00\x04\x00\x00\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 30, 40) + bytes(9),
            (40, 30),
        ),
        (png(0, 480), None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"<svg/>", None),
        (b"", None),
    ],
)
def test_the_size_of_a_picture_is_read_from_its_head(data: bytes, size: tuple[int, int] | None) -> None:
    assert image_size(data) == size


def test_a_photo_taken_upright_is_measured_as_it_is_shown() -> None:
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    head = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    assert image_size(head + b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 30, 40) + bytes(9)) == (30, 40)
