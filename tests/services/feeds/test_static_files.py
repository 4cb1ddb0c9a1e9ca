"""Files of the author's own under public/: copied as they are, never over ours, gone when they go."""

import shutil
from pathlib import Path

from blogs import Blog
from hypothesis import given, settings
from hypothesis import strategies as st
from properties import examples

from publisher.core.feeds.documents import ENCODINGS, StaticFile
from publisher.services.feeds.documents import static_files
from publisher.stores.files.public_folder import encodes
from publisher.web.documents.file_cache import CachedFile, FileCache

ICON = b"\x00\x00\x01\x00icon"


def put(blog: Blog, path: str, data: bytes = b"text\n") -> Path:
    file = blog.folder / "static" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def a_blog(folder: Path) -> Blog:
    blog = Blog(folder)
    blog.settings(
        "",
        toml=(blog.folder / "publisher.toml")
        .read_text()
        .replace("[posts]", 'static = "static/"\nlogo = "/logo.png"\nicon = "/img/icon.png"\n[posts]'),
    )
    blog.post("one")
    return blog


def there(blog: Blog, *paths: str) -> list[str]:
    return [path for path in paths if (blog.public / path).exists()]


def problems(blog: Blog) -> list[str]:
    app = blog.app()
    try:
        return [str(found) for found in app.check().findings if found.path.startswith("static")]
    finally:
        app.close()


def test_files_are_copied_as_they_are_served_and_go_when_they_go(tmp_path: Path) -> None:
    blog = a_blog(tmp_path)
    for path in ("favicon.ico", "img/icon.png", "CNAME", ".nojekyll"):
        put(blog, path, ICON)
    put(blog, "robots.txt")
    put(blog, ".well-known/security.txt")
    for path in (".git/config", ".env", ".DS_Store", "img/.swp", "notes.txt~"):
        put(blog, path)
    blog.publish()
    assert blog.bytes("favicon.ico") == blog.bytes("img/icon.png") == blog.bytes("CNAME") == ICON
    assert blog.bytes(".nojekyll") == ICON
    assert not [
        p for p in (".git", ".env", ".DS_Store", "img/.swp", "notes.txt~") if (blog.public / p).exists()
    ]
    cache = FileCache(blog.public, "https://harbour.example/", unpacks=encodes)
    for path in ("/favicon.ico", "/robots.txt", "/.well-known/security.txt"):
        assert isinstance(cache.load(path), CachedFile), path
    assert cache.load("/.nojekyll") is None
    assert b"https://harbour.example/img/icon.png" in blog.bytes("feed.atom")

    before = (blog.public / "robots.txt").stat().st_mtime
    blog.publish()
    assert (blog.public / "robots.txt").stat().st_mtime == before
    put(blog, "robots.txt", b"other\n")
    (blog.folder / "static" / "CNAME").unlink()
    blog.publish()
    assert (blog.bytes("robots.txt"), (blog.public / "CNAME").exists()) == (b"other\n", False)
    assert (blog.public / "robots.txt").stat().st_mtime > before

    shutil.move(blog.folder / "static", blog.folder / "away")  # as if it were not mounted
    blog.publish()
    assert blog.bytes("robots.txt") == b"other\n"
    assert "cannot be read (No such file or directory): what was copied stays" in problems(blog)[0]
    blog.settings("")
    blog.publish()
    assert not [
        p
        for p in ("robots.txt", "robots.txt.gz", "favicon.ico", "img", ".well-known")
        if (blog.public / p).exists()
    ]
    assert (blog.public / "feed.atom").exists()


def test_no_file_takes_the_place_of_our_documents_and_check_names_it(tmp_path: Path) -> None:
    blog = a_blog(tmp_path)
    blog.publish()
    ours = {path: blog.bytes(path) for path in ("index.html", "feed.atom", "feed.html", "feed.atom.gz")}
    for path in (
        "Index.html",
        "feed.atom",
        "feed.html/x",
        "feed.atom.gz",
        "posts/x.html",
        "Digests/y",
        "subscribe/z",
    ):
        put(blog, path)
    (blog.folder / "static" / "users.txt").symlink_to("/etc/passwd")
    put(blog, "good.txt")
    blog.publish()
    assert {path: blog.bytes(path) for path in ours} == ours
    assert blog.bytes("good.txt") == b"text\n"
    assert sorted(line.partition(": not copied: ")[0] for line in problems(blog)) == [
        "static/Digests/y", "static/Index.html", "static/feed.atom", "static/feed.atom.gz",
        "static/feed.html/x", "static/posts/x.html", "static/subscribe/z", "static/users.txt",
    ]  # fmt: skip
    assert not (blog.public / "users.txt").exists()


PATHS = st.lists(
    st.sampled_from(["a", "A", "b", "index.html", "a.gz", "posts", "é", "e\u0301"]), min_size=1, max_size=3
)


@given(st.lists(PATHS.map("/".join), max_size=6), st.lists(PATHS.map("/".join), max_size=3))
@settings(max_examples=examples(100))
def test_what_is_copied_never_meets_ours_or_another_on_any_disk(paths: list[str], ours: list[str]) -> None:
    from publisher.core.posts.page_paths import disk_key

    files = [StaticFile(path=path, name=path, size=1, changed_ns=1) for path in dict.fromkeys(paths)]
    copied, refused = static_files(files, ours)
    assert len(copied) + len(refused) == len(files)
    keys = [disk_key(file.path) for file in copied]
    theirs = {disk_key(path + end) for path in ours for end in ("", *ENCODINGS.values())}
    assert len(set(keys)) == len(keys)
    for key in keys:
        others = (theirs | set(keys)) - {key}
        assert key not in theirs
        assert not any(other.startswith(f"{key}/") or key.startswith(f"{other}/") for other in others)
