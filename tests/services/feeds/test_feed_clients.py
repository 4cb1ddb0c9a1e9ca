"""Real clients read the feeds of hostile posts: a grammar checker, two readers and a mailer."""

import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from blogs import TOML, Blog
from paths import SHARED

SCHEMA = SHARED / "schema" / "atom.rng"
HOSTILE = {
    "script": "<script>alert(1)</script>\n\n<p onclick='x()' style='color:red'>hi</p>",
    "frame": "<iframe src='https://v.example/1'></iframe><form><input></form>",
    "entities": "A & B < C &nbsp; &copy; &#0; &bogus; ]]> <![CDATA[ x ]]> `<b>` \x0b",
    "relative": "[a](../x.html) ![i](p.png) <video src='v.mp4' poster='p.jpg'></video>",
    "pictures": "<img srcset='a.png 1x, b.png 2x' src=a.png>",
    "empty": "",
    "unclosed": "<div><p>open <b>bold\n\n<table><tr><td>x",
    "deep": "> " * 200 + "deep",
    "many": "日本 \N{FISH} مرحبا \u202e",
}


def need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed (scripts/clients)")
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Blog, str]]:
    """A blog of hostile posts, and where its documents are served."""
    folder = tmp_path_factory.mktemp("hostile")
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder / "public"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        url = f"http://127.0.0.1:{http.server_port}/"
        toml = TOML.replace("https://harbour.example/", url)
        blog = Blog(folder, '[[feeds]]\nlimit = 4\n[[feeds]]\nslug = "tags"\nsplit_by = "tag"\n', toml=toml)
        for name, body in HOSTILE.items():
            blog.post(name, body, title=f'{name} & "more" ]]>', tags=["a & b", "<x>"], author='Jo "Q" & co')
        blog.publish()
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield blog, url
        http.shutdown()
        thread.join()


def test_jing_finds_no_fault_by_the_grammar_of_rfc_4287(server: tuple[Blog, str]) -> None:
    if not SCHEMA.exists():
        pytest.skip("the grammar of Atom is not here")
    files = [str(path) for path in sorted(server[0].public.rglob("*.atom"))]
    assert len(files) >= 5
    done = subprocess.run([need("jing"), SCHEMA, *files], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", ["feed.atom", "feed.xml", "archive/feed/1.atom", "archive/feed/1.xml"])
def test_sfeed_reads_every_entry(server: tuple[Blog, str], path: str) -> None:
    blog, url = server
    done = subprocess.run([need("sfeed"), url], input=blog.bytes(path), capture_output=True, check=True)
    rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert [row[1] for row in rows] == blog.titles(path)
    assert all(row[0].isdigit() and row[2].startswith(url) and row[5].startswith("tag:") for row in rows)


@pytest.mark.parametrize("path", ["feed.atom", "feed.xml"])
def test_newsboat_reads_every_entry(server: tuple[Blog, str], path: str, tmp_path: Path) -> None:
    blog, url = server
    (tmp_path / "urls").write_text(url + path)
    command = [need("newsboat"), "-u", tmp_path / "urls", "-c", tmp_path / "cache.db", "-C", "/dev/null"]
    home = {"HOME": str(tmp_path), "LANG": "C.UTF-8"}
    subprocess.run([*command, "-x", "reload"], check=True, capture_output=True, env=home)
    with sqlite3.connect(tmp_path / "cache.db") as cache:
        titles = [row[0] for row in cache.execute("SELECT title FROM rss_item")]
    assert sorted(titles) == sorted(blog.titles(path))


@pytest.mark.parametrize("path", ["feed.atom", "feed.xml"])
def test_rss2email_mails_every_entry_once(server: tuple[Blog, str], path: str, tmp_path: Path) -> None:
    blog, url = server
    base = [need("r2e"), "-c", str(tmp_path / "cfg"), "-d", str(tmp_path / "data.json")]

    def r2e(*words: str) -> str:
        done = subprocess.run([*base, *words], check=True, capture_output=True, text=True)
        return done.stdout + done.stderr

    r2e("new", "ann@harbour.example")
    config = (tmp_path / "cfg").read_text()
    for name in ("new", "cur", "tmp"):
        (tmp_path / "mail" / "INBOX" / name).mkdir(parents=True)
    config = config.replace("email-protocol = sendmail", "email-protocol = maildir")
    lines = [
        f"maildir-path = {tmp_path / 'mail'}" if line.startswith("maildir-path") else line
        for line in config.splitlines()
    ]
    (tmp_path / "cfg").write_text("\n".join(lines))
    r2e("add", "one", url + path)
    said = r2e("run") + r2e("run")
    assert not any(word in said.lower() for word in ("error", "warning", "traceback"))
    assert len(list((tmp_path / "mail/INBOX/new").iterdir())) == len(blog.titles(path))
