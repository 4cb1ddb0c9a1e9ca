"""Copies of posts, and many new posts at once, wait for their author and are named; nothing else waits."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import warm

WORDS = " ".join(f"word{n} of the old harbour wall" for n in range(20))
DAY = "2024-10-2{}T0{}:00:00Z"


def post(site: Any, path: str, body: str = "", title: str = "") -> Path:
    text = f"---\ntitle: {title or path}\ndate: 2024-10-21\n---\n{body or f'Of {path}.'}\n"
    file: Path = site.post(path, text)
    return file


@pytest.fixture
def begun(site: Any) -> Any:
    """A site with a first publish behind it, a reader, and one long post."""
    post(site, "harbour.md", WORDS)
    site.publish(DAY.format(1, 3))
    site.reader("ann@example.org", DAY.format(1, 4))
    return site


def titles(site: Any) -> list[str]:
    return sorted(item["title"] for item in site.feed()["items"])


def test_copies_are_held_and_named_until_they_go_or_are_said_to_be_posts(begun: Any) -> None:
    copies = (
        "Copy of harbour.md",
        "harbour copy.md",
        "harbour - Copy (2).md",
        "harbour (1).md",
    )
    for n, name in enumerate(copies):
        post(begun, name, f"Another text, number {n}.")
    post(begun, "a copy editor (2).md")  # the name of a copy, but there is no such file
    said = begun.publish(DAY.format(1, 5))
    for name in copies:
        assert f"held: {name}: looks like a copy of harbour.md" in said
        assert f"--as-new {name}" in said
    assert titles(begun) == ["a copy editor (2).md", "harbour.md"]
    held = begun.json("plan", "--at", DAY.format(1, 5))["held"]
    assert {(row["path"], *row["may_be"]) for row in held} == {(name, "harbour.md") for name in copies}
    assert len([p for p in begun.json("status")["problems"] if p["area"] == "held posts"]) == len(copies)
    for name in copies[1:]:
        (begun.posts / name).unlink()
    begun.publish(DAY.format(1, 6), "--as-new", copies[0])
    assert copies[0] in titles(begun)
    assert begun.json("status")["problems"] == []


def test_a_copy_is_known_by_its_text_whatever_it_is_called(begun: Any) -> None:
    post(begun, "again.md", f"{WORDS} and more")
    post(begun, "short.md", "Of the old harbour wall.")
    other = WORDS.replace("harbour", "city")
    post(begun, "city.md", other)
    said = begun.publish(DAY.format(1, 5))
    assert "again.md: looks like a copy of harbour.md" in said
    assert titles(begun) == ["city.md", "harbour.md", "short.md"]


def test_a_template_that_several_posts_follow_is_no_copy(begun: Any) -> None:
    post(begun, "second.md", WORDS)
    begun.publish(DAY.format(1, 5), "--as-new", "second.md")
    post(begun, "third.md", WORDS)
    assert "held" not in begun.publish(DAY.format(1, 6))


def test_many_new_posts_are_held_as_one_batch_and_mailed_only_when_that_is_said(begun: Any) -> None:
    for n in range(21):
        post(begun, f"many/{n:02}.md")
    post(begun, "harbour.md", f"{WORDS} edited")
    said = begun.publish(DAY.format(2, 9))
    assert "held: 21 new posts at once (many/00.md, many/01.md, many/02.md and 18 more)" in said
    assert titles(begun) == ["harbour.md"]
    assert "edited" in begun.read("feed.json").decode(), "what is not new goes on"
    assert begun.mails() == []
    assert len(begun.json("plan", "--at", DAY.format(2, 9))["held"]) == 21
    [problem] = begun.json("status")["problems"]
    assert "publish --accept-new" in problem["text"]
    begun.publish(DAY.format(3, 9), "--accept-new")
    assert len(titles(begun)) == 20, "as many as the feed holds"
    assert len(begun.mails()) == 1
    post(begun, "next.md")
    assert "held" not in begun.publish(DAY.format(3, 9)), "those that were accepted do not count"
    assert begun.json("status")["problems"] == []


def test_posts_that_arrive_one_after_the_other_count_together(begun: Any) -> None:
    for n in range(4):
        for m in range(6):
            post(begun, f"many/{n}{m}.md")
        said = begun.publish(f"2024-10-22T03:0{n}:00Z")
        assert ("held: 6 new posts at once" in said) is (n == 3), n
    assert "published 6 posts" in begun.publish("2024-10-22T03:20:00Z"), "after a while they are few"


def test_the_limit_is_a_setting_and_a_first_publish_and_a_backfill_have_none(site: Any) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + "\n[posts]\nmax_new = 2\n")
    for n in range(5):
        post(site, f"first/{n}.md")
    assert "held" not in site.publish(DAY.format(1, 3))
    for n in range(3):
        post(site, f"later/more-{n}.md")
    assert "held: 3 new posts at once" in site.publish(DAY.format(1, 4))
    assert "published 3 posts (3 as backfill" in site.publish(DAY.format(1, 5), "--backfill")


def test_a_command_waits_a_moment_for_a_file_that_is_being_written_and_then_leaves_it(begun: Any) -> None:
    file = post(begun, "half.md", "Half of it")
    post(begun, "whole.md")
    with file.open("a") as writer:
        said = begun.run("publish").stderr
        assert "waiting for half.md: being written" in said
        assert "half.md: is being written; the next publish takes it" in said
        assert titles(begun) == ["harbour.md", "whole.md"]
        command = ["publish", "--site", str(begun.folder)]
        process = warm.start(command, dict(os.environ), stderr=subprocess.PIPE)
        assert process.stderr is not None
        assert "waiting for half.md" in process.stderr.readline()
        writer.write(" and the other half.")
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert titles(begun) == ["half.md", "harbour.md", "whole.md"]
    assert "the other half" in begun.read("feed.json").decode()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another user")
def test_a_command_waits_until_a_file_of_another_user_was_left_alone(begun: Any) -> None:
    file = post(begun, "theirs.md")
    os.chown(file, 65534, 65534)
    assert "is being written" not in begun.run("publish").stderr.replace("waiting for theirs.md: being", "")
    assert "theirs.md" in titles(begun)
