"""What a person meets when something is wrong: one clear line, the right exit code, nothing half done."""

import os
import re
import shutil
import sqlite3
from typing import Any

import pytest

GOOD = "---\ntitle: Good\ndate: 2024-10-01\n---\nWords.\n"


def one_line(done: Any) -> str:
    """The only line on stderr."""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("publisher: ")
    assert "unexpected" not in lines[0]
    return str(lines[0].removeprefix("publisher: "))


def test_no_site_at_all(site: Any) -> None:
    (site.folder / "publisher.toml").unlink()
    line = one_line(site.run("publish", code=1))
    assert "publisher.toml" in line
    assert "publisher init" in line


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ('[site]\ntitel = "x"\n', ["titel", "title"]),
        ('[site]\ntitle = "x"\nurl = "ftp://x"\n', ["publisher.toml", "site.url", "ftp://x"]),
        ("[site\n", ["publisher.toml:1"]),
        (
            '[site]\ntitle = "x"\nurl = "https://x.example"\n[[lists]]\nslug = "a"\ntitle = "A"\n'
            'from = "a@x.example"\nat = "25:00"\n',
            ["at", "25:00"],
        ),
        ('[site]\ntitle = "x"\nurl = "https://x.example"\ntimezone = "Mars/Base"\n', ["Mars/Base"]),
        (
            '[site]\ntitle = "x"\nurl = "https://x.example"\n[store]\nurl = "mysql://x"\n',
            ["store.url", "mysql"],
        ),
    ],
)
def test_a_wrong_setting(site: Any, wrong: str, words: list[str]) -> None:
    site.settings(wrong)
    site.post("good.md", GOOD)
    line = one_line(site.run("publish", code=1))
    assert all(word in line for word in words), line
    assert not site.public.exists()
    assert not (site.folder / ".publisher").exists()


def test_a_wrong_setting_in_the_environment(site: Any) -> None:
    line = one_line(site.run("publish", code=1, PUBLISHER_POSTS__MAX_AGE="soon"))
    assert "PUBLISHER_POSTS__MAX_AGE" in line
    assert "soon" in line


def test_a_broken_post_stops_no_other(site: Any) -> None:
    site.post("good.md", GOOD)
    site.post("bad.md", "---\ntitle: Bad\ndate: [2024\n---\nWords.\n")
    site.post("worse.md", "")
    (site.posts / "worst.md").write_bytes(b"---\ntitle: \xff\xfe\n---\n")
    done = site.run("publish", code=1)
    assert re.search(r"^bad post: bad\.md:\d+: ", done.stderr, re.MULTILINE)
    assert re.search(r"^bad post: worst\.md", done.stderr, re.MULTILINE)
    assert [item["title"] for item in site.feed()["items"]] == ["Good"]
    assert [problem["area"] for problem in site.json("status")["problems"]].count("posts") >= 2
    checked = site.run("check", code=1)
    assert re.search(r"^bad\.md:\d+: ", checked.stdout, re.MULTILINE)


def test_two_posts_with_one_id(site: Any) -> None:
    site.post("good.md", GOOD)
    site.post("a.md", "---\ntitle: A\ndate: 2024-10-01\nid: same\n---\nA.\n")
    site.post("b.md", "---\ntitle: B\ndate: 2024-10-02\nid: same\n---\nB.\n")
    done = site.run("publish", code=1)
    assert "bad post: a.md: its id tag:harbour.example,2024:same is also claimed by b.md" in done.stderr
    assert "bad post: b.md: its id tag:harbour.example,2024:same is also claimed by a.md" in done.stderr
    assert [item["title"] for item in site.feed()["items"]] == ["Good"]
    assert "also claimed" in site.run("check", code=1).stdout


def test_a_template_that_does_not_render(site: Any) -> None:
    site.publish("2024-10-01T00:00:00Z")
    site.reader("ann@example.org", "2024-10-01T00:00:00Z")
    own = site.folder / "templates" / "email" / "digest" / "body.html"
    own.parent.mkdir(parents=True)
    own.write_text("<p>\n{{ nothing.like.this }}</p>", encoding="utf-8")
    site.post("good.md", GOOD)
    line = one_line_of(site.run("publish", "--at", "2024-10-01T09:00:00Z", code=1))
    assert "templates/email/digest/body.html:2" in line
    assert site.mails() == []
    assert site.json("mailings", "list") == []
    own.unlink()
    site.publish("2024-10-01T09:00:00Z")
    assert len(site.mails()) == 1


def one_line_of(done: Any) -> str:
    """The error among the talk."""
    [line] = [line for line in done.stderr.splitlines() if line.startswith("publisher: ")]
    return str(line)


def test_a_missing_folder_of_posts(site: Any) -> None:
    site.posts.rmdir()
    line = one_line(site.run("publish", code=1))
    assert "posts" in line


def test_many_posts_gone_at_once_are_an_accident(site: Any) -> None:
    for n in range(10):
        site.post(f"{n}.md", GOOD.replace("Good", f"Number {n}").replace("-01", f"-{n + 1:02}"))
    site.publish("2024-11-01T00:00:00Z")
    for file in site.posts.iterdir():
        file.unlink()
    line = one_line(site.run("publish", "--at", "2024-11-02T00:00:00Z", code=1))
    assert "10 of 10 published posts are missing at once" in line
    assert len(site.feed()["items"]) == 10


def test_a_store_of_a_newer_version(site: Any) -> None:
    site.publish("2024-10-01T00:00:00Z")
    before = site.documents()
    with sqlite3.connect(site.folder / ".publisher" / "publisher.db") as store:
        store.execute("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    site.post("good.md", GOOD)
    for command in (["publish"], ["status"], ["migrate"]):
        line = one_line(site.run(*command, code=1))
        assert "newer version of Publisher" in line
        assert "9999" in line
    assert site.documents() == before


def test_something_that_is_no_store(site: Any) -> None:
    (site.folder / ".publisher").mkdir()
    (site.folder / ".publisher" / "publisher.db").write_bytes(
        b"not a database, but long enough to look like one" * 20
    )
    assert "publisher.db" in one_line(site.run("status", code=1))


@pytest.mark.parametrize("name", ["public", ".publisher"])
def test_a_folder_that_is_a_file(site: Any, name: str) -> None:
    (site.folder / name).write_text("in the way", encoding="utf-8")
    site.post("good.md", GOOD)
    assert name in one_line(site.run("publish", code=1))


@pytest.mark.parametrize("name", ["public", ".publisher", "."])
def test_a_read_only_folder(site: Any, name: str) -> None:
    folder = site.folder / name
    folder.mkdir(exist_ok=True)
    folder.chmod(0o500)
    site.post("good.md", GOOD)
    try:
        line = one_line(site.run("publish", code=1, before=without_powers()))
    finally:
        folder.chmod(0o700)
    assert "cannot be written" in line or "is not writable" in line


def without_powers() -> list[str]:
    """In front of a command: root's right to write anywhere is left behind."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write anywhere, and setpriv is not here")
    powers = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}", "--"]


def test_words_that_do_not_exist_are_wrong_usage(site: Any) -> None:
    assert "No such command 'pubish'" in site.run("pubish", code=2).stderr
    line = one_line(site.run("subscribers", "add", "a@example.org", "--list", "weekly", code=2))
    assert "no list 'weekly'; publisher.toml has: daily" in line
    assert "no mailing 7" in one_line(site.run("mailings", "show", "7", code=2))
    assert "2024-13-01" in site.run("publish", "--at", "2024-13-01", code=2).stderr


def test_an_address_that_is_none(site: Any) -> None:
    line = one_line(site.run("subscribers", "add", "not an address", "--list", "daily", code=1))
    assert "not an address" in line


def test_an_import_names_each_bad_line_and_keeps_the_good(site: Any) -> None:
    file = site.folder / "readers.csv"
    file.write_text(
        "name,email\nAnn,ann@example.org\nBo,bo at example\nCy,cy@example.org\n", encoding="utf-8"
    )
    done = site.run("subscribers", "import", str(file), "--list", "daily", "--confirmed", code=1)
    assert "2 active, 1 refused" in done.stderr
    assert "readers.csv:3: " in done.stderr
    assert len(site.json("subscribers", "list")) == 2
    file.write_text("name,phone\nAnn,1\n", encoding="utf-8")
    refused = site.run("subscribers", "import", str(file), "--list", "daily", code=1)
    assert "there is no column `email`" in refused.stderr
