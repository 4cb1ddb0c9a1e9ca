"""What `make run` shows: nothing in it leads nowhere."""

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import httpx
import pytest
import warm
from click.testing import CliRunner

from publisher.cli import publisher


class Page(HTMLParser):
    """What a page refers to, and its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ones = 0
        self.unsized = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ones += tag == "h1"
        self.unsized += tag == "img" and not (given.get("width") and given.get("height"))
        self.found += [value for name in ("href", "src", "action") if (value := given.get(name))]


def run(*args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """`publisher ARGS` to its end."""
    done = warm.run(args, os.environ)
    assert done.returncode == code, done.stderr
    return done


class Demo:
    """`publisher demo` under way on a port of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.listen = f"127.0.0.1:{free.getsockname()[1]}"
        self.folder, self.base = folder, f"http://{self.listen}/"
        self.said: list[str] = []
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "publisher", "demo", str(self.folder), "--listen", self.listen],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert process.stderr is not None
        for line in process.stderr:
            self.said.append(line)
            if line.startswith("serving"):
                return process
        raise AssertionError("".join(self.said))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = Demo(tmp_path_factory.mktemp("demo") / "site")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def mail(demo: Demo) -> EmailMessage:
    (file,) = (demo.folder / "outbox").glob("*.eml")
    message = message_from_bytes(file.read_bytes(), policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


def crawl(base: str, first: list[str]) -> dict[str, httpx.Response]:
    """Everything on this host that can be reached from `first`."""
    seen: dict[str, httpx.Response] = {}
    waiting = list(first)
    with httpx.Client(trust_env=False, follow_redirects=True) as http:
        while waiting:
            url = urldefrag(waiting.pop()).url
            if not url.startswith(base) or url in seen:
                continue
            seen[url] = answer = http.get(url)
            if answer.headers["content-type"].startswith("text/html"):
                waiting += [urljoin(url, found) for found in Page(answer.text).found]
            elif "xml" in answer.headers["content-type"] or "json" in answer.headers["content-type"]:
                waiting += re.findall(rf"{re.escape(base)}[^\s\"'<>&\\]*", answer.text)
    return seen


def test_every_link_and_picture_of_the_demo_answers(demo: Demo) -> None:
    seen = crawl(demo.base, [demo.base])
    assert {url: answer.status_code for url, answer in seen.items() if answer.status_code != 200} == {}
    paths = {url.removeprefix(demo.base) for url in seen}
    assert {"feed.atom", "feed.xml", "feed.json", "digests/news/1/", "subscribe/news"} <= paths
    assert len([path for path in paths if path.startswith("posts/")]) == 12
    assert len([path for path in paths if path.startswith("assets/")]) == 4


def test_every_page_of_the_demo_has_one_first_heading_and_pictures_that_do_not_jump(demo: Demo) -> None:
    for url, answer in crawl(demo.base, [demo.base]).items():
        if answer.headers["content-type"].startswith("text/html"):
            page = Page(answer.text)
            assert (url, page.ones, page.unsized) == (url, 1, 0)
            assert "<script" not in answer.text


def test_the_mail_of_the_demo_refers_only_to_what_answers(demo: Demo, mail: EmailMessage) -> None:
    html, text = (mail.get_body((kind,)) for kind in ("html", "plain"))
    assert html is not None
    assert text is not None
    found = Page(html.get_content()).found
    found += re.findall(r"https?://[^\s<>\"\])]+", text.get_content())
    found += re.findall(
        r"<(http[^>]+)>", " ".join(str(mail[name]) for name in ("List-Unsubscribe", "List-Archive"))
    )
    ours = [url for url in found if url.startswith(demo.base)]
    assert len([url for url in ours if "/posts/" in url]) >= 4
    assert any("/assets/" in url for url in ours)
    seen = crawl(demo.base, ours)
    assert {url: answer.status_code for url, answer in seen.items() if answer.status_code != 200} == {}


def test_the_demo_names_only_places_that_are_there(demo: Demo) -> None:
    named = re.findall(r"^  (http\S+)  ", "".join(demo.said), re.MULTILINE)
    assert f"{demo.base}digests/news/1/" in named
    for url in named:
        assert httpx.get(url, trust_env=False).status_code == 200, url
    assert "subscribers add you@example.org --list news" in "".join(demo.said)


def test_other_commands_agree_with_the_demo_on_where_it_is(demo: Demo) -> None:
    plan = json.loads(run("plan", "--json", "--site", str(demo.folder)).stdout)
    assert not plan["updated"], plan


def test_a_wrong_place_to_listen_is_said_before_anything_is_made(tmp_path: Path) -> None:
    done = run("demo", str(tmp_path / "d"), "--listen", "nowhere", code=2)
    assert (done.returncode, (tmp_path / "d").exists()) == (2, False)
    assert "'nowhere' is neither a port nor an IP address and a port" in done.stderr


def test_a_demo_that_is_there_already_goes_on(demo: Demo, tmp_path: Path) -> None:
    for said in ("made     ", "goes on  "):
        done = run("demo", str(tmp_path / "d"), "--no-serve")
        assert done.stderr.startswith(said)
        assert "digests/news/1/" in done.stderr


def run_on_terminal(args: list[str], until: bytes, answers: bytes = b"") -> str:
    """What a command says on a terminal of its own, up to a line that holds `until`."""
    ours, theirs = pty.openpty()
    os.write(ours, answers)
    process = subprocess.Popen(args, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while until not in said:
            said += os.read(ours, 4096)
    except OSError:  # it ended
        pass
    finally:
        process.terminate()
        process.wait(timeout=30)
        os.close(ours)
    return said.decode().replace("\r\n", "\n")


def test_a_port_in_use_leaves_no_half_made_demo_and_a_terminal_gets_the_next(tmp_path: Path) -> None:
    args = [sys.executable, "-m", "publisher", "demo", str(tmp_path / "d")]
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        wanted = [*args, "--listen", str(port)]
        done = run("demo", str(tmp_path / "d"), "--listen", str(port), code=1)
        assert (done.returncode, (tmp_path / "d").exists()) == (1, False)
        assert "the port is in use" in done.stderr
        free = re.search(r"e\.g\. (\d+), which is free", done.stderr)
        assert free
        said = run_on_terminal(wanted, b"serving ")
        assert f"port {port} is in use: using" in said
    plan = ("plan", "--json", "--site", str(tmp_path / "d"))
    assert not json.loads(run(*plan).stdout)["updated"]
    said = run_on_terminal(wanted, b"serving ")  # the port is free again, and links follow
    assert f"moved    its links from 127.0.0.1:{free[1]} to 127.0.0.1:{port}" in said
    after = json.loads(run(*plan).stdout)
    assert (after["updated"], after["stops"]) == ([], [])
    assert len(list((tmp_path / "d" / "outbox").glob("*.eml"))) == 1


def test_a_new_site_listens_at_a_free_port(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # something else has it
            busy.bind(("127.0.0.1", 8000))
            busy.listen()
        args = [sys.executable, "-m", "publisher", "init", str(tmp_path / "s")]
        said = run_on_terminal(args, b"a site is in", b"\nexample.org\nMars\nEurope/Berlin\n")
    assert "port 8000 is in use: using" in said
    assert "'Mars' is not an IANA time zone" in said
    made = (tmp_path / "s" / "publisher.toml").read_text()
    assert 'listen = "127.0.0.1:80' in made
    assert 'url = "https://example.org/"\ndescription' in made
    assert 'timezone = "Europe/Berlin"' in made


def test_a_site_in_german_says_nothing_in_english_but_its_example_posts(tmp_path: Path) -> None:
    folder, call = tmp_path / "hafen", CliRunner().invoke
    done = call(publisher, ["init", str(folder), "--title", "Hafenzettel", "--language", "de"])
    assert done.exit_code == 0, done.output
    assert call(publisher, ["publish", "--site", str(folder)]).exit_code == 0
    page = (folder / "public/index.html").read_text(encoding="utf-8")
    assert '<html lang="de"' in page
    assert page.count(' lang="en"') == 2
    for words in ("Notes, when", "New posts", "Follow by email"):
        assert words not in page
    wrong = call(publisher, ["init", str(tmp_path / "x"), "--language", "auf deutsch"])
    assert 'site.language is "auf deutsch"' in str(wrong.exception)


def test_the_start_page_of_a_local_run_links_to_itself_and_check_wants_one_address(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    call = CliRunner().invoke
    assert call(publisher, ["init", str(folder), "--url", "https://example.org/blog/"]).exit_code == 0
    assert call(publisher, ["publish", "--site", str(folder)]).exit_code == 0
    found = Page((folder / "public/index.html").read_text("utf-8")).found
    assert [url for url in found if not url.startswith(("/blog/", "#"))] == []
    assert {"/blog/", "/blog/subscribe/daily", "/blog/feed.html", "/blog/feeds.opml"} <= set(found)
    assert any(url.startswith("/blog/posts/") for url in found)

    settings = folder / "publisher.toml"
    bare = settings.read_text("utf-8")
    for public_url, wrong in {
        "https://news.example.org/": True,
        "https://example.org/": True,
        "https://example.org/blog/": False,
        "http://example.org/blog/": False,  # a redirect leads from one to the other
    }.items():
        settings.write_text(f'{bare}\n[web]\npublic_url = "{public_url}"\n', encoding="utf-8")
        checked = call(publisher, ["check", "--site", str(folder)])
        said = f"publisher.toml: posts.pages makes the pages of posts at web.public_url ({public_url}), but"
        assert (checked.exit_code, said in checked.stdout) == (int(wrong), wrong), public_url
    settings.write_text(
        bare.replace("pages = true", "pages = false") + '\n[web]\npublic_url = "https://n.example.org/"\n'
    )
    assert call(publisher, ["check", "--site", str(folder)]).exit_code == 0


def test_a_site_in_a_blog_publishes_the_posts_of_the_blog(tmp_path: Path) -> None:
    """Each kind of configuration gives what it says, and the site is where no generator publishes it."""
    blogs = {
        "hugo.toml": ('title = "Tides"\nbaseURL = "https://tides.example/"\n', "content/posts/low.md"),
        "_config.yml": ("title: Tides\nurl: https://tides.example\n", "_posts/2024-05-01-low.md"),
        "pelicanconf.py": ("SITENAME = 'Tides'\nSITEURL = 'https://tides.example'\n", "content/low.md"),
        "docusaurus.config.js": (
            "export default { title: 'Tides', url: 'https://tides.example' };\n", "blog/2024-05-01-low.md"
        ),
    }  # fmt: skip
    call = CliRunner().invoke
    for n, (name, (config, post)) in enumerate(blogs.items()):
        root = tmp_path / str(n)
        (root / post).parent.mkdir(parents=True)
        (root / name).write_text(config)
        date = "" if name == "pelicanconf.py" else "---\n"
        (root / post).write_text(f"{date}title: Low\ndate: 2024-05-01\n{date}\nWords.\n")
        done = call(publisher, ["init", str(root)])
        assert done.exit_code == 0, done.output
        site = root / "_publisher"
        toml = (site / "publisher.toml").read_text()
        assert 'title = "Tides"\nurl = "https://tides.example/"' in toml, toml
        assert 'dir = ".."' in toml
        assert not (site / "posts").exists()
        [row] = json.loads(call(publisher, ["posts", "list", "--json", "--site", str(site)]).stdout)
        assert (row["title"], row["served"]) == ("Low", True), row
        assert row["url"].startswith("https://tides.example/")
    assert call(publisher, ["init", str(tmp_path / "0" / "own"), "--no-blog"]).exit_code == 0
    assert (tmp_path / "0" / "own" / "posts" / "hello.md").exists()
