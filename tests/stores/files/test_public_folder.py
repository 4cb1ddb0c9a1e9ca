"""The public/ folder: a document is the old one or the new one, whole, with the time that belongs to it."""

import gzip
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import brotli
import pytest

from publisher.core.errors import OutputError
from publisher.core.feeds.documents import Document
from publisher.stores.files.public_folder import PublicDirectory

AT = datetime(2024, 10, 25, 9, 0, tzinfo=UTC)


def document(path: str, size: int, modified: datetime = AT) -> Document:
    return Document(path=path, fingerprint="", hash="", size=size, modified=modified)


def files(folder: Path) -> list[str]:
    """Every file but the encodings, which have tests of their own."""
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return [name for name in found if not name.endswith((".gz", ".br"))]


@pytest.fixture
def public(tmp_path: Path) -> Path:
    return tmp_path / "public"


@pytest.fixture
def shelf(public: Path) -> PublicDirectory:
    return PublicDirectory(public)


def test_a_placed_document_stands_with_its_bytes_and_its_time(shelf: PublicDirectory, public: Path) -> None:
    shelf.stage("posts/2024/a/index.html", b"hello")
    shelf.place("posts/2024/a/index.html", AT)
    placed = public / "posts/2024/a/index.html"
    assert placed.read_bytes() == b"hello"
    assert placed.stat().st_mtime_ns == int(AT.timestamp()) * 10**9
    assert shelf.holds(document("posts/2024/a/index.html", 5))
    assert files(public) == ["posts/2024/a/index.html"]


def test_a_staged_document_is_not_seen(shelf: PublicDirectory, public: Path) -> None:
    shelf.stage("feed.atom", b"old")
    shelf.place("feed.atom", AT)
    shelf.stage("feed.atom", b"newer")
    assert (public / "feed.atom").read_bytes() == b"old"
    assert all(name == "feed.atom" or name.startswith(".") for name in files(public))
    shelf.place("feed.atom", AT.replace(hour=10))
    assert (public / "feed.atom").read_bytes() == b"newer"


def test_who_holds_the_old_file_open_reads_it_to_its_end(shelf: PublicDirectory, public: Path) -> None:
    shelf.stage("a", b"old")
    shelf.place("a", AT)
    with (public / "a").open("rb") as reader:
        shelf.stage("a", b"new and longer")
        shelf.place("a", AT)
        assert reader.read() == b"old"


def test_a_document_that_was_touched_is_not_held(shelf: PublicDirectory, public: Path) -> None:
    shelf.stage("a", b"hello")
    shelf.place("a", AT)
    assert not shelf.holds(document("a", 4))
    assert not shelf.holds(document("a", 5, AT.replace(second=1)))
    assert not shelf.holds(document("b", 5))
    assert not shelf.holds(document("a/b", 5))
    (public / "a").rename(public / "c")
    (public / "a").symlink_to("c")
    assert not shelf.holds(document("a", 5)), "a link is not the file we wrote"


def test_what_a_crash_left_is_swept_and_nothing_else(shelf: PublicDirectory, public: Path) -> None:
    shelf.sweep()
    shelf.stage("posts/a/index.html", b"1")
    shelf.stage("b", b"2")
    for name in ("mine.part", ".hidden", ".x.part", "posts/.htaccess"):
        (public / name).write_text("mine")
    shelf.sweep()
    assert files(public) == [".hidden", ".x.part", "mine.part", "posts/.htaccess"]


def test_staging_again_after_a_crash_replaces_what_was_left(shelf: PublicDirectory, public: Path) -> None:
    shelf.stage("a", b"half a long document")
    shelf.stage("a", b"whole")
    shelf.place("a", AT)
    assert (public / "a").read_bytes() == b"whole"
    assert files(public) == ["a"]


def test_a_removed_document_takes_its_empty_folders_along(shelf: PublicDirectory, public: Path) -> None:
    for path in ("posts/2024/a/index.html", "posts/2023/b/index.html"):
        shelf.stage(path, b"x")
        shelf.place(path, AT)
    shelf.remove("posts/2024/a/index.html")
    assert not (public / "posts/2024").exists()
    assert files(public) == ["posts/2023/b/index.html"]
    shelf.remove("posts/2023/b/index.html")
    shelf.remove("posts/2023/b/index.html")
    assert public.is_dir()
    assert not (public / "posts").exists()


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../../x", "a/..", "\0", "a\0b", ".", ".0123456789abcdef.part"]
)
def test_a_path_that_is_none_for_a_document_is_refused(shelf: PublicDirectory, path: str) -> None:
    for act in (lambda: shelf.stage(path, b""), lambda: shelf.place(path, AT), lambda: shelf.remove(path)):
        with pytest.raises(OutputError, match=r"public: '.*' is not a document path; change the permalink$"):
            act()


def test_no_link_leads_out_of_the_folder(shelf: PublicDirectory, public: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "sub").mkdir(parents=True)
    (outside / "kept").write_text("kept")
    public.mkdir()
    (public / "out").symlink_to(outside)
    (public / "loop").symlink_to("loop")
    for path in ("out/x", "out/sub/x", "out/kept", "loop/x"):
        for act in (shelf.remove, lambda p: shelf.stage(p, b"")):
            with pytest.raises(
                OutputError, match="a link on the way leads out of the folder; remove the link"
            ):
                act(path)
    assert files(outside) == ["kept"]


def test_a_link_in_the_place_of_a_document_is_replaced_not_followed(
    shelf: PublicDirectory, public: Path, tmp_path: Path
) -> None:
    (tmp_path / "precious").write_text("precious")
    public.mkdir()
    (public / "a").symlink_to(tmp_path / "precious")
    shelf.stage("a", b"new")
    shelf.place("a", AT)
    assert (tmp_path / "precious").read_text() == "precious"
    assert (public / "a").read_bytes() == b"new"


def test_public_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "public").symlink_to(tmp_path / "real")
    shelf = PublicDirectory(tmp_path / "public")
    shelf.stage("a/b", b"x")
    shelf.place("a/b", AT)
    assert files(tmp_path / "real") == ["a/b"]


def test_what_cannot_be_written_is_named_with_what_to_do(shelf: PublicDirectory, public: Path) -> None:
    (public / "folder").mkdir(parents=True)
    (public / "file").write_text("")
    for path, reason in (
        ("folder", r"public/folder: is a folder but should be a file; move that folder away$"),
        ("file/a", r"public/file/a: is below a file, not a folder; move that file away$"),
        ("x" * 256, r"public/x+: has a name too long for this disk; shorten the slug or permalink$"),
        ("y" * 256 + "/a", r"y+/a: has a name too long for this disk; shorten the slug or permalink$"),
    ):
        with pytest.raises(OutputError, match=reason):
            shelf.stage(path, b"x")
    shelf.stage("z" * 255, b"x")
    shelf.place("z" * 255, AT)
    assert not [name for name in files(public) if name.endswith(".part")]


TEXT = b"words of a feed, again and again; " * 400


def test_beside_a_text_stand_its_encodings_with_its_time(shelf: PublicDirectory, public: Path) -> None:
    shelf.stage("feed.atom", TEXT)
    assert not list(public.glob("feed*"))
    shelf.place("feed.atom", AT)
    packed = {suffix: (public / f"feed.atom{suffix}").read_bytes() for suffix in (".gz", ".br")}
    assert gzip.decompress(packed[".gz"]) == brotli.decompress(packed[".br"]) == TEXT
    assert all(len(data) < len(TEXT) / 20 for data in packed.values())
    assert {file.stat().st_mtime_ns for file in public.iterdir()} == {int(AT.timestamp()) * 10**9}


def test_the_same_bytes_have_the_same_encodings_whenever_they_are_made(tmp_path: Path) -> None:
    made: list[list[bytes]] = []
    for n in range(2):
        shelf = PublicDirectory(tmp_path / str(n))
        shelf.stage("feed.atom", TEXT)
        shelf.place("feed.atom", AT.replace(hour=n))
        made.append([file.read_bytes() for file in sorted((tmp_path / str(n)).iterdir())])
    assert made[0] == made[1]
    assert made[0][2][:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "no name, no time (RFC 1952 2.3.1)"


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.mp3", "a.zip", "a.woff2", "a.PDF"])
def test_what_is_packed_already_has_no_encodings(name: str, shelf: PublicDirectory, public: Path) -> None:
    shelf.stage(name, TEXT)
    shelf.place(name, AT)
    assert [file.name for file in public.iterdir()] == [name]
    assert shelf.holds(document(name, len(TEXT)))


def test_no_encoding_ever_stands_beside_other_bytes_than_its_own(public: Path) -> None:
    seen: list[set[str]] = []

    def look(_: str) -> None:
        seen.append({file.name for file in public.iterdir() if not file.name.startswith(".")})
        data = (public / "feed.atom").read_bytes()
        for name, unpack in (("feed.atom.gz", gzip.decompress), ("feed.atom.br", brotli.decompress)):
            assert name not in seen[-1] or unpack((public / name).read_bytes()) == data

    shelf = PublicDirectory(public)
    shelf.stage("feed.atom", TEXT)
    shelf.place("feed.atom", AT)
    shelf = PublicDirectory(public, look)
    shelf.stage("feed.atom", TEXT.upper())
    look("staged")
    shelf.place("feed.atom", AT.replace(second=1))
    look("placed")
    whole = {"feed.atom", "feed.atom.gz", "feed.atom.br"}
    assert seen == [whole, {"feed.atom"}, {"feed.atom"}, whole - {"feed.atom.gz"}, whole]


@pytest.mark.parametrize("harm", ["gone", "empty", "touched", "a link"])
def test_a_document_whose_encoding_was_harmed_is_not_held(
    harm: str, shelf: PublicDirectory, public: Path
) -> None:
    shelf.stage("feed.atom", TEXT)
    shelf.place("feed.atom", AT)
    assert shelf.holds(document("feed.atom", len(TEXT)))
    packed = public / "feed.atom.gz"
    if harm == "empty":
        packed.write_bytes(b"")
    if harm in {"gone", "a link"}:
        packed.rename(public / "moved")
    if harm == "a link":
        packed.symlink_to("moved")
    seconds = int(AT.timestamp()) + (harm == "touched")
    if harm in {"empty", "touched"}:
        os.utime(packed, (seconds, seconds))
    assert not shelf.holds(document("feed.atom", len(TEXT)))


def test_a_removed_document_takes_its_encodings_along(shelf: PublicDirectory, public: Path) -> None:
    shelf.stage("feed.atom", TEXT)
    shelf.place("feed.atom", AT)
    shelf.remove("feed.atom")
    assert list(public.iterdir()) == []


def test_what_stands_is_told_with_its_time(shelf: PublicDirectory, public: Path) -> None:
    assert shelf.standing("feed.atom") is None
    shelf.stage("feed.atom", TEXT)
    shelf.place("feed.atom", AT)
    assert shelf.standing("feed.atom") == (hashlib.sha256(TEXT).hexdigest(), AT)
    (public / "folder").mkdir()
    assert shelf.standing("folder") is None


def test_placing_what_was_never_staged_is_an_error(shelf: PublicDirectory, public: Path) -> None:
    public.mkdir()
    with pytest.raises(
        OutputError, match=r"public/a: cannot be put into place: nothing was staged; publish ag"
    ):
        shelf.place("a", AT)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(shelf: PublicDirectory, public: Path) -> None:
    public.mkdir(mode=0o555)
    with pytest.raises(OutputError, match=r"public/a: is not writable; give this user permission to write"):
        shelf.stage("a", b"x")
