"""Snippets for web servers that serve public/ by themselves; nginx's is run for real."""

import gzip
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from webservers import free_port, program, serving

SERVERS = ("nginx", "apache", "caddy", "headers", "redirects")


@pytest.fixture(scope="module")
def published(new_site: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    site = new_site(tmp_path_factory.mktemp("snippets") / "site")
    text = (site.folder / "publisher.toml").read_text().replace("127.0.0.1:0", "127.0.0.1:8000")
    site.settings(text + '\n[websub]\nhubs = ["https://hub.example/"]\n[posts]\npages = true\n')
    site.post("a.md", "---\ntitle: A\ndate: 2024-10-01\n---\n" + "Words of the sea. " * 100)
    site.publish("2024-10-20T03:00:00Z")
    site.run("feeds", "move", "old.atom", "feed.atom")
    site.run("feeds", "end", "gone.xml")
    return site


@pytest.mark.parametrize("server", SERVERS)
def test_a_snippet_is_data_that_names_feeds_and_moves(server: str, published: Any) -> None:
    said = published.run("feeds", "snippet", server).stdout
    named = {"headers": ["feed.atom", "feed.xml", "feed.json"], "redirects": ["old.atom", "gone.xml"]}
    for name in named.get(server, ["feed.atom", "feed.xml", "feed.json", "old.atom", "gone.xml"]):
        assert f"/{name}" in said.replace("\\", "")
    if server != "redirects":
        assert all(
            t in said for t in ("application/rss+xml", "application/feed+json", "max-age=60", "https://hub")
        )
    assert said == published.run("feeds", "snippet", server).stdout


def test_an_unknown_server_is_wrong_usage(published: Any) -> None:
    assert "nginx" in published.run("feeds", "snippet", "iis", code=2).stderr


@pytest.fixture
def nginx(published: Any, tmp_path: Path) -> Iterator[httpx.Client]:
    program("nginx")
    (tmp_path / "snippet.conf").write_text(published.run("feeds", "snippet", "nginx").stdout)
    with (
        serving("nginx", tmp_path, free_port()) as url,
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        yield client


def test_nginx_with_the_snippet_keeps_the_rules(nginx: httpx.Client, published: Any) -> None:
    types = {
        "feed.atom": "application/atom+xml",
        "feed.xml": "application/rss+xml",
        "feed.json": "application/feed+json",
    }
    tags = set()
    for name, type in types.items():
        for coding in ("gzip", "identity"):
            answer = nginx.get(f"/{name}", headers={"Accept-Encoding": coding})
            assert answer.status_code == 200
            assert answer.content == published.read(name)
            headers = answer.headers
            assert headers["content-type"] == type
            assert headers.get("content-encoding", "identity") == coding
            assert headers["vary"] == "Accept-Encoding"
            assert headers["access-control-allow-origin"] == "*"
            assert headers["cache-control"] == "public, max-age=60"
            assert headers["link"] == (
                f'<https://harbour.example/{name}>; rel="self", <https://hub.example/>; rel="hub"'
            )
            assert not headers["etag"].startswith("W/")
            tags.add(headers["etag"])
            later = format_datetime(
                parsedate_to_datetime(headers["last-modified"]) + timedelta(hours=1), usegmt=True
            )
            for condition in ({"If-None-Match": headers["etag"]}, {"If-Modified-Since": later}):
                kept = nginx.get(f"/{name}", headers={"Accept-Encoding": coding, **condition})
                assert kept.status_code == 304
                assert kept.headers["etag"] == headers["etag"]
            assert nginx.head(f"/{name}").status_code == 200
    assert len(tags) == 6, "each encoding of each document has a tag of its own"
    refused = nginx.post("/feed.atom")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    moved = nginx.get("/old.atom")
    assert (moved.status_code, moved.headers["location"]) == (301, "https://harbour.example/feed.atom")
    assert nginx.get("/gone.xml").status_code == 410
    assert nginx.get("/").text == published.read("index.html").decode()
    assert nginx.get("/posts/2024/10/01/a/").status_code == 200
    for path in ("/feed.atom.gz", "/.hidden", "/x.part", "/nothing"):
        assert nginx.get(path).status_code == 404
    assert gzip.decompress(published.read("feed.atom.gz")) == published.read("feed.atom")
