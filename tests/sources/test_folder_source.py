"""A folder: which files are looked at, in which order, and that none can stop the others."""

import os
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from declared import source_rules

from publisher.core.errors import SourceError
from publisher.core.posts.post import BadPost, ParsedPost
from publisher.sources import FolderSource, SourceRules
from publisher.sources.file_reading import FolderEntry, Found, Walk
from publisher.sources.folder_source import MAX_FILE_BYTES

RULES = source_rules(site_url="https://blog.example/")
GOOD = "---\ntitle: A\ndate: 2024-01-02\n---\nBody\n"


def write(folder: Path, name: str, text: str = GOOD) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def scan(folder: Path, rules: SourceRules = RULES) -> list[ParsedPost | BadPost]:
    return list(FolderSource(folder, rules).scan())


def bads(folder: Path) -> list[str]:
    return [str(found) for found in scan(folder) if isinstance(found, BadPost)]


def paths(folder: Path, rules: SourceRules = RULES) -> list[str]:
    return [found.post.path if isinstance(found, ParsedPost) else found.path for found in scan(folder, rules)]


def test_posts_come_in_path_order_at_any_depth(tmp_path: Path) -> None:
    for name in ("b.md", "a/z.markdown", "a-b.md", "a/b/c.html", ".git/x.md", "a/.hidden.md", "note.txt"):
        write(tmp_path, name)
    assert paths(tmp_path) == ["a-b.md", "a/b/c.html", "a/z.markdown", "b.md"]


def test_include_and_exclude_are_globs(tmp_path: Path) -> None:
    for name in ("a.md", "b.txt", "old/c.md", "old/deep/d.md"):
        write(tmp_path, name)
    rules = source_rules(site_url="https://x.example/", include=("**/*.md", "*.txt"), exclude=("old/**",))
    assert paths(tmp_path, rules) == ["a.md", "b.txt"]


def test_a_bad_file_stops_none_of_the_others(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    write(tmp_path, "b.md", "---\ntitle: [\n---\n")
    write(tmp_path, "c.md")
    found = scan(tmp_path)
    assert [type(item) for item in found] == [ParsedPost, BadPost, ParsedPost]
    assert str(found[1]).startswith("b.md:3: broken YAML: ")


def test_a_fifo_is_a_bad_post_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    assert bads(tmp_path) == ["pipe.md: not a regular file; remove it"]


def test_a_file_too_large_for_a_post_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.md").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert bads(tmp_path) == [f"huge.md: {MAX_FILE_BYTES + 1} bytes; a post has at most {MAX_FILE_BYTES}"]


def test_links_out_of_the_folder_are_bad_posts_and_links_within_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "posts"
    write(tmp_path, "outside.md")
    write(tmp_path, "other/x.md")
    write(folder, "a.md")
    (folder / "in.md").symlink_to("a.md")
    (folder / "out.md").symlink_to(tmp_path / "outside.md")
    (folder / "away").symlink_to(tmp_path / "other")
    (folder / "loop").symlink_to(folder)
    assert bads(folder) == [
        "away: a link out of the folder; copy the file here",
        "out.md: a link out of the folder; copy the file here",
    ]
    assert paths(folder) == ["a.md", "away", "in.md", "out.md"]


def test_a_link_that_goes_in_circles_is_a_bad_post(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to("b.md")
    (tmp_path / "b.md").symlink_to("a.md")
    assert len(bads(tmp_path)) == 2


def test_a_name_in_latin_1_bytes_is_a_bad_post(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md"))).write_text(GOOD)
    assert bads(tmp_path) == ["caf\\xe9.md: the file's name is not UTF-8; rename it"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_a_bad_post(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    (tmp_path / "a.md").chmod(0)
    assert bads(tmp_path) == ["a.md: cannot be read (Permission denied); fix or remove it"]


HOSTILE = {
    "brackets.md": b"[" * 5_000_000,
    "front-brackets.md": b"---\na: " + b"[" * 5_000_000 + b"\n---\n",
    "json.md": b"{" + b'"a":{' * 1_000_000,
    "aliases.md": b"---\n"
    + b"".join(
        b"%c: &%c [%s]\n" % (new, new, b",".join([b"*%c" % old] * 9))
        for old, new in zip(b"abcdefgh", b"bcdefghi", strict=True)
    )
    + b"---\n",
    "nuls.md": b"---\ntitle: a\n---\n" + b"\0" * 1_000_000,
    "surrogates.md": b"---\ntitle: a\xed\xa0\x80b\n---\n",
    "header.md": b"title: a\n" * 500_000,
    "colons.md": b"title: " + b": " * 1_000_000,
    "comments.md": b"---\ntitle: a\ndate: 2024-05-01\n---\n" + b"<!-- mor" * 300_000,
    "fences.md": b"---\ntitle: a\ndate: 2024-05-01\n---\n" + b"```\n<!-- more -->\n" * 3_000,
    "title.md": b"---\ntitle: " + b"*a **b " * 30_000 + b"\n---\n",
    "tag.md": b"---\ntitle: " + b"<a " * 60_000 + b"\n---\n",
    "links.md": b"---\ntitle: a\n---\n" + b"[a](z.md) " * 300_000,
    "links-open.md": b"---\ntitle: a\n---\n" + b"](x" * 500_000 + b"{% link " * 100_000 + b" " * 1_000_000,
    "refs.md": b"---\ntitle: a\n---\n" + b'{{< ref "' * 200_000 + b"{{ site.url }}" * 100_000,
    "ticks.md": b"---\ntitle: a\n---\n" + b"`[a](z.md)" * 300_000,
    "date.md": b"---\ndate: " + b"1" * 200_000 + b"\n---\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_takes_long_or_stops_the_others(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(HOSTILE[name])
    write(tmp_path, "z.md")
    started = time.process_time()
    found = scan(tmp_path)
    assert time.process_time() - started < 1
    assert len(found) == 2
    assert isinstance(found[1], ParsedPost)


def test_a_missing_folder_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        scan(tmp_path / "posts")
    assert str(caught.value) == f"posts folder {tmp_path / 'posts'}: is not there; make it, or set posts.dir"


def test_a_hidden_post_is_still_handed_over(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "---\ndraft: true\n---\n")
    (found,) = scan(tmp_path)
    assert isinstance(found, ParsedPost)
    assert found.post.hidden == "draft: true"


def test_what_a_folder_listed_is_not_held_while_its_posts_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        write(tmp_path, f"{n}.md")
    source = FolderSource(tmp_path, RULES)
    entries: list[weakref.ref[FolderEntry]] = []
    listed = source.files()

    class Listed:
        """An entry that can be told to be gone; those of the system cannot."""

        def __init__(self, path: str) -> None:
            self.path = path
            entries.append(weakref.ref(self))

        def is_dir(self) -> bool:
            return False

        def stat(self) -> os.stat_result:
            return Path(self.path).stat()

    def all_of_it(_: Walk) -> Iterator[Found]:
        return ((f"{n}.md", None, Listed(f"{tmp_path}/{n}.md")) for n in range(3))

    monkeypatch.setattr(Walk, "all", all_of_it)
    with source.ahead():
        assert sorted(map(repr, source.files())) == sorted(map(repr, listed))
        assert len(entries) == 3
        assert not any(entry() for entry in entries)
