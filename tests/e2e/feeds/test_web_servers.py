"""nginx, Apache and Caddy with the configuration we write give the same answers as `publisher run`."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from webservers import free_port, program, serving

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><script>alert(1)</script></svg>'
HOSTILE = """a"b $1 ${HOME} {host} {$HOME} `t` ;} & 100% $"""
"""What means something to one of the servers, in the address of a post."""

TOML = """
[[feeds]]
slug = "feed"
title = "All"
formats = ["atom", "rss", "json"]
paths = { rss = "feed/index.xml" }
[[feeds]]
slug = "tags"
title = "Tags"
split_by = "tag"
formats = ["atom"]
[posts]
pages = true
"""


@pytest.fixture(scope="module", params=["nginx", "apache", "caddy"])
def served(
    request: Any, new_site: Any, running_site: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """(path, headers) -> what `publisher run` answers and what the other server does."""
    program(request.param)
    port = free_port()
    # In a folder that Apache's workers, another user, may read: pytest's own are private.
    above = Path(tempfile.mkdtemp(prefix="publisher-web-"))
    above.chmod(0o755)
    site = new_site(above / "my site é")
    text = (site.folder / "publisher.toml").read_text()
    listen = f'127.0.0.1:{free_port()}"\npublic_url = "http://127.0.0.1:{port}/'
    site.settings(text.replace("127.0.0.1:0", listen) + TOML)
    front = "title: A\ndate: 2024-10-01\ntags: [Été, 潮 汐]"
    site.post("a.md", f"---\n{front}\nslug: one\n---\n" + "Sea. " * 100)
    site.post("b.md", "---\ntitle: B\ndate: 2024-10-02\nslug: gone é\n---\nB.\n")
    site.post("d.md", "---\ntitle: D\ndate: 2024-10-04\nslug: four\n---\nD.\n")
    site.post("c/index.md", "---\ntitle: C\ndate: 2024-10-03\n---\n![x](x.svg)\n")
    site.post("c/x.svg", SVG)
    site.publish("2024-10-20T03:00:00Z")
    front += "\nslug: zwei ü\naliases: ['/old (1) é/', /old.html]"
    site.post("a.md", f"---\n{front}\n---\n" + "Sea. " * 100)
    site.post("b.md", "---\ntitle: B\ndate: 2024-10-02\nslug: gone é\ndraft: true\n---\nB.\n")
    front = f"title: D\ndate: 2024-10-04\nslug: {HOSTILE!r}\naliases: ['{quote(f'/{HOSTILE}/')}']"
    site.post("d.md", f"---\n{front}\n---\nD.\n")
    site.publish("2024-10-20T04:00:00Z")
    site.run("feeds", "move", "old.atom", "feed.atom")
    site.run("feeds", "end", "gone.xml")
    (site.public / ".well-known").mkdir()
    (site.public / ".well-known/x").write_text("x")
    folder = tmp_path_factory.mktemp("server")
    (folder / "snippet.conf").write_text(site.run("feeds", "snippet", request.param).stdout)
    ours = running_site(site, "--web-only")
    try:
        with serving(request.param, folder, port) as url:
            yield Both(site, ours.url, url)
    finally:
        ours.http.close()
        ours.process.kill()
        ours.process.communicate()
        shutil.rmtree(above)


class Both:
    """`publisher run` and another server, side by side."""

    def __init__(self, site: Any, *urls: str) -> None:
        self.site, self.urls = site, urls

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[httpx.Response, httpx.Response]:
        ours, theirs = (
            httpx.request(method, url + path, headers=headers, trust_env=False) for url in self.urls
        )
        return ours, theirs


PREFLIGHT = ("allow-origin", "allow-methods", "allow-headers", "max-age")

SAME = (
    "content-type",
    "cache-control",
    "content-security-policy",
    "x-content-type-options",
    "access-control-allow-origin",
    "link",
    "last-modified",
    "vary",
)


def test_other_servers_answer_as_publisher_run_does(served: Any) -> None:
    documents = [path for path in served.site.documents() if not path.endswith((".gz", ".br"))]
    shown = [
        path for path in documents if not path.startswith(".") and b"refresh" not in served.site.read(path)
    ]
    assert any(not path.isascii() for path in shown), shown
    folders = ["/", "/feed/", "/posts/2024/10/01/zwei%20%C3%BC/"]
    for path in [*(f"/{quote(path)}" for path in shown), *folders]:
        for coding in ("identity", "gzip"):
            ours, theirs = served.get(path, **{"Accept-Encoding": coding})
            assert (ours.status_code, theirs.status_code) == (200, 200), path
            assert theirs.content == ours.content, path
            for name in SAME:
                assert theirs.headers.get(name) == ours.headers.get(name), (path, coding, name)
    svg = next(path for path in shown if path.endswith(".svg"))
    assert "sandbox" in served.get(f"/{quote(svg)}")[1].headers["content-security-policy"]


def test_other_servers_redirect_and_end_addresses_as_publisher_run_does(served: Any) -> None:
    paths = {
        "/posts/2024/10/01/one/": 301,
        "/posts/2024/10/01/one": 301,
        "/old%20%281%29%20%C3%A9/": 301,
        "/old.html": 301,
        "/posts/2024/10/04/four/": 301,
        f"/{quote(HOSTILE)}/": 301,
        "/old.atom": 301,
        "/gone.xml": 410,
        "/posts/2024/10/02/gone%20%C3%A9/": 410,
        "/nothing": 404,
        "/.hidden": 404,
        "/feed.atom.part": 404,
        "/posts/.git/config": 404,
    }
    for path, status in paths.items():
        ours, theirs = served.get(path)
        assert (ours.status_code, theirs.status_code) == (status, status), path
        # Hex digits may be of either case (RFC 3986 2.1), and nginx has no way to write a dollar sign.
        where = [a.headers.get("location", "").lower().replace("%24", "$") for a in (ours, theirs)]
        assert where[0] == where[1], path
    assert served.get("/.well-known/x")[1].text == "x"
    assert served.get("/feed.atom.gz")[1].status_code == 404


def test_other_servers_answer_the_preflight_of_a_browser(served: Any) -> None:
    """A page of another site may read each feed and archive with conditional headers."""
    asks = {"Origin": "https://reader.example", "Access-Control-Request-Method": "GET"}
    asks["Access-Control-Request-Headers"] = "if-none-match, a-im"
    names = ("allow", *(f"access-control-{name}" for name in PREFLIGHT))
    for path in ("/feed.atom", "/feed/index.xml", "/feed.json", "/tags/", "/posts/2024/10/03/c/"):
        ours, theirs = served.get(path, "OPTIONS", **asks)
        assert theirs.is_success, path
        assert not theirs.content
        for name in names:
            assert theirs.headers.get_list(name) == ours.headers.get_list(name) != [], (path, name)
    allowed = {word.strip().lower() for word in theirs.headers["access-control-allow-headers"].split(",")}
    assert {"if-none-match", "a-im", "if-modified-since"} <= allowed
    assert served.get("/feed.atom", "OPTIONS")[0].status_code == 204


def test_other_servers_know_when_nothing_changed(served: Any) -> None:
    for path in ("/feed.atom", "/feed/index.xml", "/"):
        for answer in served.get(path):
            for name in ("etag", "last-modified"):
                condition = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}[name]
                kept = httpx.get(answer.url, headers={condition: answer.headers[name]}, trust_env=False)
                assert kept.status_code == 304, (path, name, answer.url)


def test_a_raw_address_in_utf8_is_served(served: Any) -> None:
    """Old feed readers send the bytes of an address as they are."""
    for url in served.urls:
        host, port = urlsplit(url).netloc.split(":")
        with socket.create_connection((host, int(port)), timeout=30) as line:
            line.sendall(
                f"GET /posts/2024/10/01/zwei%20ü/ HTTP/1.1\r\nHost: {host}\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            answer = b""
            while more := line.recv(65536):
                answer += more
        assert answer.startswith(b"HTTP/1.1 200"), (url, answer[:200])
        assert b"Sea. Sea." in answer
