"""`publisher run` sees what changes in the folder: at once, whole, and without losing anything on the way.

The next tick by the clock is an hour away in each of these, so nothing but watching can bring a post.
"""

import contextlib
import mmap
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

HOURLY = '\n[schedule]\npublish_every = "1h"\n'
OLD = "2024-10-01T00:00:00Z"


@pytest.fixture
def hourly(site: Any) -> Any:
    """The site, with one post, and ticks an hour apart."""
    site.settings((site.folder / "publisher.toml").read_text() + HOURLY)
    site.post("first.md", text("First"))
    return site


@pytest.fixture
def barrier(hourly: Any, wait_for: Any) -> Callable[[str], None]:
    """Writes a post of that name and returns when it is in the feed: by then what was written before it
    has been looked at.
    """

    def pass_by(name: str) -> None:
        hourly.post(f"{name}.md", text(name))
        wait_for(lambda: name in titles(hourly))

    return pass_by


def text(title: str, body: str = "") -> str:
    return f"---\ntitle: {title}\ndate: {OLD}\n---\n{body or 'Words of ' + title}\n"


def titles(site: Any) -> list[str]:
    return [item["title"] for item in site.feed()["items"]]


def content(site: Any, title: str) -> str:
    [html] = [item["content_html"] for item in site.feed()["items"] if item["title"] == title]
    assert isinstance(html, str)
    return html


def problems(site: Any) -> list[str]:
    return [problem["text"] for problem in site.json("status")["problems"]]


def start(site: Any, running: Any, wait_for: Any) -> Any:
    """`publisher run`, once it has published what is there."""
    server = running()
    wait_for(lambda: (site.public / "index.html").exists() and titles(site))
    return server


def test_posts_appear_one_upon_another_without_waiting_for_a_tick(
    hourly: Any, running: Any, wait_for: Any, barrier: Any
) -> None:
    server = start(hourly, running, wait_for)
    for number in range(8):  # each is written while the publish of the one before is still at work
        barrier(f"number {number}")
    assert len(titles(hourly)) == 9
    assert server.stop() == 0
    assert hourly.json("status")["log_head"] == 9


def test_a_post_written_while_a_publish_is_at_work_is_not_left_for_the_next_tick(
    hourly: Any, running: Any, wait_for: Any, barrier: Any
) -> None:
    start(hourly, running, wait_for)
    barrier("watching has begun")
    wait_for(after(0.7))
    store = sqlite3.connect(hourly.folder / ".publisher" / "publisher.db")
    store.execute("BEGIN IMMEDIATE")  # a publish gets no further than its plan
    hourly.post("one.md", text("one"))
    wait_for(after(0.7))
    hourly.post("two.md", text("two"))
    wait_for(after(0.7))
    assert len(titles(hourly)) == 2
    store.rollback()
    store.close()
    wait_for(lambda: {"one", "two"} <= set(titles(hourly)))


def after(seconds: float) -> Callable[[], bool]:
    """A condition: so much time has passed, for what leaves no trace outside the process."""
    begun = datetime.now(UTC)
    return lambda: (datetime.now(UTC) - begun).total_seconds() >= seconds


def test_a_file_that_is_written_in_two_halves_never_appears_half(
    hourly: Any, running: Any, wait_for: Any, barrier: Any
) -> None:
    start(hourly, running, wait_for)
    with (hourly.posts / "slow.md").open("w") as file:
        file.write(text("Slow", "The first half"))
        file.flush()
        barrier("one")
        barrier("two")
        assert "Slow" not in titles(hourly)
        file.write("and the second half.\n")
    wait_for(lambda: "Slow" in titles(hourly))
    assert "second half" in content(hourly, "Slow")
    assert hourly.json("status")["log_head"] == 4
    assert problems(hourly) == []


def test_a_post_that_is_being_rewritten_stays_as_it_was(
    hourly: Any, running: Any, wait_for: Any, barrier: Any
) -> None:
    start(hourly, running, wait_for)
    with (hourly.posts / "first.md").open("w") as file:  # emptied
        barrier("one")
        file.write("---\ntitle: [half of a")
        file.flush()
        barrier("two")
        assert titles(hourly).count("First") == 1
        assert problems(hourly) == []
        file.seek(0)
        file.write(text("First", "Rewritten."))
    wait_for(lambda: "Rewritten" in content(hourly, "First"))
    assert hourly.json("status")["log_head"] == 4


@pytest.mark.parametrize("way", ["rename over it", "empty, then write", "delete, then create", "backup"])
def test_each_way_an_editor_saves_is_one_update(
    hourly: Any, running: Any, wait_for: Any, barrier: Any, way: str
) -> None:
    server = start(hourly, running, wait_for)
    post, other = hourly.posts / "first.md", hourly.posts / ".first.md.swp"
    new = text("First", "Saved again.")
    if way == "rename over it":
        other.write_text(new)
        other.replace(post)
    elif way == "empty, then write":
        post.write_text("")
        barrier("between")
        assert "First" in titles(hourly)
        post.write_text(new)
    elif way == "delete, then create":
        post.unlink()
        barrier("between")
        assert "First" in titles(hourly)
        post.write_text(new)
    else:
        post.rename(hourly.posts / "first.md~")
        barrier("between")
        assert "First" in titles(hourly)
        post.write_text(new)
        (hourly.posts / "first.md~").unlink()
    wait_for(lambda: "Saved again" in content(hourly, "First"))
    barrier("after")
    assert problems(hourly) == []
    assert server.stop() == 0
    assert hourly.json("status")["log_head"] == len(titles(hourly)) + 1
    assert not [line for line in "".join(server.said).splitlines() if line.startswith(("warning", "error"))]


def test_a_burst_of_files_is_few_publishes(hourly: Any, running: Any, wait_for: Any) -> None:
    toml = hourly.folder / "publisher.toml"
    hourly.settings(f"{toml.read_text()}\n[posts]\nmax_new = 1000\n")
    server = start(hourly, running, wait_for)
    for number in range(200):
        hourly.post(f"many/{number}.md", text(f"Post {number}"))
    wait_for(lambda: hourly.json("status")["log_head"] == 201)
    assert server.stop() == 0
    told = [line for line in "".join(server.said).splitlines() if "info published " in line]
    assert sum(int(number) for number in re.findall(r" published=(\d+)", "\n".join(told))) >= 200
    assert len(told) <= 5, told


def test_a_template_that_changes_makes_its_pages_again(hourly: Any, running: Any, wait_for: Any) -> None:
    start(hourly, running, wait_for)
    template = hourly.folder / "templates/web/index.html"
    template.parent.mkdir(parents=True)
    template.write_text("<!doctype html><main>Another start page</main>")
    wait_for(lambda: b"Another start page" in hourly.read("index.html"))
    template.write_text("<!doctype html><main>And again</main>")
    wait_for(lambda: b"And again" in hourly.read("index.html"))


def test_a_folder_that_vanishes_is_an_error_until_it_is_back(
    hourly: Any, running: Any, wait_for: Any, barrier: Any
) -> None:
    server = start(hourly, running, wait_for)
    away = hourly.folder / "away"
    hourly.posts.rename(away)
    wait_for(lambda: problems(hourly) != [])
    [problem] = problems(hourly)
    assert problem == f"posts folder {hourly.posts}: is not there; make it, or set posts.dir"
    assert server.http.get("/healthz").status_code == 200
    assert titles(hourly) == ["First"]
    away.rename(hourly.posts)
    wait_for(lambda: problems(hourly) == [])
    barrier("after")
    assert "First" in titles(hourly)
    assert server.stop() == 0


def test_another_folder_in_its_place_is_watched(
    hourly: Any, running: Any, wait_for: Any, barrier: Any
) -> None:
    start(hourly, running, wait_for)
    hourly.posts.rename(hourly.folder / "old")
    hourly.posts.mkdir()
    hourly.post("first.md", text("First"))
    barrier("after")


def test_a_site_whose_folder_of_posts_is_the_site_itself_comes_to_rest(
    hourly: Any, running: Any, wait_for: Any, barrier: Any
) -> None:
    toml = (hourly.folder / "publisher.toml").read_text()
    elsewhere = '[posts]\ndir = "."\nexclude = ["public/**"]\n[store]\nurl = "sqlite:///here.db"\n'
    hourly.settings(toml + elsewhere)
    hourly.post("../bad.md", "---\ntitle: [\n---\n")  # what is wrong is noted in the store at every publish
    server = start(hourly, running, wait_for)
    barrier("new")
    wait_for(still(hourly.folder / "here.db"))
    assert server.stop() == 0


def still(file: Path) -> Callable[[], bool]:
    """A condition: nothing was written to `file` (a database and its log) for two seconds."""
    seen: list[tuple[datetime, list[int]]] = []

    def holds() -> bool:
        now = datetime.now(UTC)
        found = [part.stat().st_mtime_ns for part in sorted(file.parent.glob(file.name + "*"))]
        if not seen or seen[-1][1] != found:
            seen.append((now, found))
        return (now - seen[-1][0]).total_seconds() > 2

    return holds


def watches(server: Any) -> int:
    """How many folders a process watches (inotify(7), /proc/PID/fdinfo)."""
    found = 0
    for info in Path(f"/proc/{server.process.pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            found += info.read_text().count("inotify wd:")
    return found


def test_a_change_that_no_event_tells_is_found_at_the_next_interval(
    site: Any, running: Any, wait_for: Any
) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + '[schedule]\npublish_every = "2s"\n')
    site.post("first.md", text("First", "Words of stone"))
    start(site, running, wait_for)
    with (site.posts / "first.md").open("r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)
    wait_for(after(0.7))  # it was opened for writing, and closed: that is told
    at = memory.find(b"stone")
    memory[at : at + 5] = b"water"  # inotify(7): changes by mmap(2) are not
    memory.close()
    wait_for(lambda: "Words of water" in content(site, "First"))


@pytest.mark.skipif(not Path("/proc/self/fdinfo").is_dir(), reason="needs Linux's /proc to look into")
def test_watch_false_watches_nothing(hourly: Any, running: Any, wait_for: Any) -> None:
    server = running(PUBLISHER_SCHEDULE__WATCH="false")
    wait_for(lambda: (hourly.public / "feed.json").exists() and titles(hourly))
    assert watches(server) == 0
    assert server.stop() == 0
    watching = running()
    wait_for(lambda: watches(watching) == 1)
    assert watching.stop() == 0


def limited(*command: str) -> list[str]:
    """The command in a user namespace that may watch one folder only (namespaces(7), sysctl user.*)."""
    script = 'echo 1 > /proc/sys/user/max_inotify_watches && exec "$@"'
    return ["unshare", "-Ur", "sh", "-c", script, "sh", *command]


def may_be_limited() -> bool:
    try:
        return subprocess.run(limited("true"), capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not may_be_limited(), reason="needs unshare(1) and user namespaces")
def test_where_the_system_refuses_to_watch_it_ticks_and_says_so(site: Any, wait_for: Any) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + '[schedule]\npublish_every = "1s"\n')
    site.post("a/b/deep.md", text("Deep"))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PUBLISHER_")}
    with subprocess.Popen(
        limited(sys.executable, "-m", "publisher", "run", "--site", str(site.folder)),
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
    ) as process:
        try:
            wait_for(lambda: (site.public / "feed.json").exists() and titles(site) == ["Deep"])
            wait_for(lambda: problems(site) != [])
            site.post("a/new.md", text("New"))
            wait_for(lambda: "New" in titles(site))
            [problem] = problems(site)
        finally:
            process.terminate()
        _, said = process.communicate(timeout=30)
    assert problem.startswith("watching: the system refuses (OS file watch limit reached.")
    assert problem.endswith("; raise its limits (fs.inotify), or set schedule.watch to false")
    assert said.count("warning watching_refused") == 1
