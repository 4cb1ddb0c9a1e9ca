"""Documents, from a real server over a real folder."""

import http.client
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.core.errors import OutputError
from publisher.stores.files.public_folder import encodes
from publisher.web.documents import file_cache
from publisher.web.documents.request import http_date
from publisher.web.server import Server

FEED = b'<feed xmlns="http://www.w3.org/2005/Atom">' + b"<id>urn:x</id>" * 2000 + b"</feed>"
RSS = b"<rss><channel><title>T</title></channel></rss>"
JSON = b'{"version": "https://jsonfeed.org/version/1.1", "items": []}'


def raw(site: Any, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """A request whose path no client has tidied."""
    connection = http.client.HTTPConnection("127.0.0.1", site.server.port, timeout=20)
    connection.putrequest(method, path)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def test_a_feed_has_all_its_headers(site: Any) -> None:
    site.put("feed.atom", FEED)
    answer = site.http.get("/feed.atom")
    assert answer.status_code == 200
    assert answer.content == FEED
    headers = dict(answer.headers)
    assert headers.pop("date")
    etag = headers.pop("etag")
    assert len(etag) == 37
    assert etag.startswith('"')
    assert etag.endswith('-br"')
    assert headers == {
        "content-type": "application/atom+xml",
        "content-encoding": "br",
        "content-length": str((site.public / "feed.atom.br").stat().st_size),
        "last-modified": "Fri, 01 May 2026 12:00:00 GMT",
        "cache-control": "public, max-age=60",
        "vary": "Accept-Encoding",
        "access-control-allow-origin": "*",
        "link": '<https://readers.example/feed.atom>; rel="self"',
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    }


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("index.html", b"<!DOCTYPE html><script>document.title = 1</script>"),
        ("assets/picture.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("assets/data.xml", b"<script xmlns='http://www.w3.org/1999/xhtml'>alert(1)</script>"),
        ("assets/thing", b"<script>alert(1)</script>"),
    ],
)
def test_a_document_runs_nothing(site: Any, name: str, data: bytes) -> None:
    site.put(name, data)
    policy = site.http.get(f"/{name}").headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "script" not in policy
    assert ("sandbox" in policy) == (name != "index.html")


def test_a_query_string_of_more_than_4_kb_is_414(site: Any) -> None:
    site.put("feed.atom", FEED)
    for _ in range(2):
        assert site.http.get("/feed.atom?" + "x" * 4096).status_code == 200
        assert site.http.get("/feed.atom?" + "x" * 4097).status_code == 414
        assert site.http.get("/subscribe/daily?" + "x" * 4097).status_code == 414


@pytest.mark.parametrize(
    ("name", "data", "type", "shared"),
    [
        ("feed.xml", RSS, "application/rss+xml", True),
        ("feed.json", JSON, "application/feed+json", True),
        ("archive/feed/2024.json", JSON, "application/feed+json", True),
        ("atom.xml", FEED, "application/atom+xml", True),
        ("feed", RSS, "application/rss+xml", True),
        ("sitemap.xml", b"<urlset/>", "application/xml", False),
        ("manifest.json", b"{}", "application/json", False),
        ("assets/data.json", JSON, "application/json", False),
        ("assets/picture.JPG", b"x", "image/jpeg", False),
        ("assets/unknown.bin", b"x", "application/octet-stream", False),
        ("posts/a/index.html", b"x", "text/html; charset=utf-8", False),
        ("feeds.opml", b"x", "text/x-opml; charset=utf-8", True),
    ],
)
def test_a_document_has_its_type_and_what_programs_read_is_for_every_origin(
    site: Any, name: str, data: bytes, type: str, shared: bool
) -> None:
    site.put(name, data)
    answer = site.http.get(f"/{name}")
    assert answer.headers["content-type"] == type
    assert ("access-control-allow-origin" in answer.headers) is shared


def test_a_document_not_changed_is_not_sent_again(site: Any) -> None:
    site.put("feed.atom", FEED)
    first = site.http.get("/feed.atom")
    for condition in (
        {"If-None-Match": first.headers["etag"]},
        {"If-None-Match": "W/" + first.headers["etag"]},
        {
            "If-None-Match": f'"x", {first.headers["etag"]}',
            "If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT",
        },
        {"If-Modified-Since": first.headers["last-modified"]},
    ):
        again = site.http.get("/feed.atom", headers=condition)
        assert again.status_code == 304, condition
        assert again.content == b""
        assert "content-length" not in again.headers
        for name in ("etag", "last-modified", "cache-control", "vary", "link", "access-control-allow-origin"):
            assert again.headers[name] == first.headers[name]


def test_a_document_that_changed_is_sent_with_another_tag_and_time(site: Any) -> None:
    site.put("feed.atom", FEED)
    first = site.http.get("/feed.atom").headers
    site.clock.move(seconds=1)
    site.put("feed.atom", FEED.upper())
    again = site.http.get(
        "/feed.atom",
        headers={"If-None-Match": first["etag"], "If-Modified-Since": "Fri, 01 May 2026 12:00:01 GMT"},
    )
    assert (again.status_code, again.content) == (200, FEED.upper())
    assert again.headers["etag"] != first["etag"]
    assert again.headers["last-modified"] == "Fri, 01 May 2026 12:00:01 GMT"


def test_a_date_in_the_future_says_nothing(site: Any) -> None:
    site.put("feed.atom", FEED)
    future = http_date(site.clock.now + timedelta(seconds=1))
    assert site.http.get("/feed.atom", headers={"If-Modified-Since": future}).status_code == 200


def test_last_modified_is_left_out_while_it_is_in_the_future(site: Any) -> None:
    file = site.put("feed.atom", FEED)
    written = site.clock.now
    first = site.http.get("/feed.atom")
    site.clock.now -= timedelta(hours=1)  # it was set back
    asked = http_date(site.clock.now)
    for headers in ({}, {"Range": "bytes=0-3"}, {"If-None-Match": first.headers["etag"]}):
        found = site.http.get("/feed.atom", headers=headers)
        assert "last-modified" not in found.headers, headers  # curl compares it with the one before
        assert found.headers["etag"] == first.headers["etag"], headers
    assert site.http.get("/feed.atom", headers={"If-Modified-Since": asked}).status_code == 200
    site.clock.now = written + timedelta(seconds=1)
    again = site.http.get("/feed.atom", headers={"If-Modified-Since": first.headers["last-modified"]})
    assert (again.status_code, file) == (304, file)


def test_a_failed_if_match_is_412(site: Any) -> None:
    site.put("feed.atom", FEED)
    assert site.http.get("/feed.atom", headers={"If-Match": '"x"'}).status_code == 412


@pytest.mark.parametrize("condition", [{}, {"If-None-Match": "*"}])
def test_head_says_what_get_says(site: Any, condition: dict[str, str]) -> None:
    site.put("feed.atom", FEED)
    get = site.http.get("/feed.atom", headers=condition)
    head = site.http.head("/feed.atom", headers=condition)
    assert head.status_code == get.status_code
    assert head.content == b""
    same = [{k: v for k, v in answer.headers.items() if k != "date"} for answer in (get, head)]
    assert same[0] == same[1]


def test_other_methods_are_refused_with_those_that_work(site: Any) -> None:
    site.put("feed.atom", FEED)
    for method in ("POST", "PUT", "DELETE"):
        answer = site.http.request(method, "/feed.atom")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


def test_a_page_of_another_site_may_ask_for_a_feed_as_readers_do(site: Any) -> None:
    """The CORS preflight of a browser, for headers that are not safelisted."""
    site.put("feed.atom", FEED)
    headers = {
        "Origin": "https://reader.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "if-none-match,x-reader",
    }
    answer = site.http.request("OPTIONS", "/feed.atom", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "GET" in answer.headers["access-control-allow-methods"]
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert {"*", "if-none-match", "if-modified-since"} <= allowed
    assert "access-control-allow-origin" not in site.http.request("OPTIONS", "/subscribe").headers


def test_what_is_not_there_is_a_page_that_says_so(site: Any) -> None:
    answer = site.http.get("/nothing/here")
    assert answer.status_code == 404
    assert "Not found" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    site.put("nothing/here", b"now it is")
    assert site.http.get("/nothing/here").content == b"now it is"


def test_a_document_that_went_is_gone(site: Any) -> None:
    file = site.put("feed.atom", FEED)
    assert site.http.get("/feed.atom").status_code == 200
    file.unlink()
    assert site.http.get("/feed.atom").status_code == 404


def test_a_folder_is_its_index_behind_a_slash(site: Any) -> None:
    site.put("digests/daily/index.html", b"<p>all")
    moved = site.http.get("/digests/daily?from=mail")
    assert moved.status_code == 308
    assert moved.headers["location"] == "./daily/?from=mail"
    assert site.http.get("/digests/daily/").content == b"<p>all"
    assert site.http.get("/digests").status_code == 404
    assert site.http.get("/digests/").status_code == 404


def test_a_folder_name_cannot_make_the_redirect_leave(site: Any) -> None:
    site.put("a:b%c\u1780/index.html", b"x")
    location = site.http.get("/a:b%25c\u1780").headers["location"]
    assert location == "./a%3Ab%25c%E1%9E%80/"
    assert site.http.get(f"/{location}").status_code == 200


def test_the_start_page_says_when_nothing_is_published(site: Any) -> None:
    answer = site.http.get("/")
    assert "Nothing has been published here yet" in answer.text
    site.put("index.html", b"<p>start")
    assert site.http.get("/").content == b"<p>start"


TRAVERSALS = [
    "/../publisher.toml",
    "/..%2fpublisher.toml",
    "/%2e%2e/publisher.toml",
    "/a/../../publisher.toml",
    "/..\\publisher.toml",
    "/..%5cpublisher.toml",
    "/%2e%2e%5cpublisher.toml",
    "/feed.atom%00.html",
    "/%00",
    "//etc/passwd",
    "/%2fetc%2fpasswd",
    "/.secret",
    "/.hidden/page.html",
    "/feed.atom.part",
    "/./feed.atom",
    "/feed.atom/",
    "/feed.atom/..",
    "/out.toml",
    "/outside/publisher.toml",
    "/inside-hidden",
    "/circle",
    "/pipe",
    "/" + "a" * 5000,
    "/%ff%fe",
    "/feed%2eatom%2f",
    "/....//publisher.toml",
    "/%c0%ae%c0%ae/publisher.toml",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_nothing_outside_public_and_nothing_hidden_is_served(site: Any, path: str) -> None:
    site.put("feed.atom", FEED)
    public: Path = site.public
    (public / ".secret").write_text("SECRET")
    (public / ".hidden").mkdir()
    (public / ".hidden" / "page.html").write_text("SECRET")
    (public / "feed.atom.part").write_text("SECRET")
    (public / "out.toml").symlink_to(site.app.settings.folder / "publisher.toml")
    (public / "outside").symlink_to(site.app.settings.folder)
    (public / "inside-hidden").symlink_to(public / ".secret")
    (public / "circle").symlink_to(public / "circle")
    os.mkfifo(public / "pipe")
    status, headers, body = raw(site, path)
    assert status == 404, path
    assert b"SECRET" not in body
    assert b"[site]" not in body
    assert headers["content-type"].startswith("text/html")


def test_a_link_inside_the_folder_is_served_until_it_leads_out(site: Any) -> None:
    site.put("feed.atom", FEED)
    link = site.public / "latest.atom"
    link.symlink_to("feed.atom")
    assert site.http.get("/latest.atom").content == FEED
    link.unlink()
    link.symlink_to(site.app.settings.folder / "publisher.toml")
    assert site.http.get("/latest.atom").status_code == 404


def test_a_large_file_is_streamed_whole(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_cache, "MAX_IN_MEMORY", 1000)
    data = os.urandom(700_001)
    site.put("assets/film.mp4", data)
    first = site.http.get("/assets/film.mp4")
    assert first.content == data
    assert site.http.get("/assets/film.mp4").content == data
    head = site.http.head("/assets/film.mp4")
    assert head.headers["content-length"] == "700001"
    kept = site.http.get("/assets/film.mp4", headers={"If-None-Match": first.headers["etag"]})
    assert kept.status_code == 304


def test_the_cache_forgets_what_is_asked_for_least(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_cache, "CACHE_BYTES", 25)
    kept = file_cache.FileCache(tmp_path, "https://readers.example/", unpacks=encodes)
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"0123456789")
        found = kept.load(f"/{name}")
        assert isinstance(found, file_cache.CachedFile)
        kept.keep(f"/{name}", found)
        kept.cached("/a")
    assert [kept.cached(f"/{name}") is not None for name in ("a", "b", "c")] == [True, False, True]


def test_caches_keep_a_document_no_longer_than_to_the_next_post(site: Any) -> None:
    due = (site.clock.now + timedelta(seconds=25)).isoformat()
    (site.app.settings.folder / "posts" / "soon.md").write_text(
        f"---\ntitle: Soon\ndate: {due}\n---\n\nWords.\n"
    )
    site.app.publish()
    assert site.http.get("/feed.atom").headers["cache-control"] == "public, max-age=25"
    site.clock.move(seconds=24.5)
    assert site.http.get("/feed.atom").headers["cache-control"] == "public, max-age=1"
    site.clock.move(seconds=10)
    assert site.http.get("/feed.atom").headers["cache-control"] == "public, max-age=1"
    site.app.publish()
    assert site.http.get("/feed.atom").headers["cache-control"] == "public, max-age=60"


def test_under_a_path_documents_are_found_with_and_without_it(start: Any) -> None:
    toml = '[site]\ntitle = "T"\nurl = "https://t.example/news/"\n'
    site = start(toml)
    site.put("feed.atom", FEED)
    for path in ("/feed.atom", "/news/feed.atom"):
        answer = site.http.get(path)
        assert answer.content == FEED
        assert answer.headers["link"] == '<https://t.example/news/feed.atom>; rel="self"'


def test_health_and_readiness_are_plain(site: Any) -> None:
    assert site.http.get("/healthz").text.splitlines()[0] == "alive"
    assert site.http.get("/readyz").text == "ready\n"
    assert site.http.get("/readyz").headers["cache-control"] == "no-store"
    assert site.http.post("/healthz").status_code == 405


def test_a_port_in_use_is_one_clear_line(site: Any) -> None:
    listen = f"127.0.0.1:{site.server.port}"
    with pytest.raises(OutputError) as caught:
        Server(site.app, listen)
    said, _, free = str(caught.value).partition(", e.g. ")
    assert said == (
        f"web.listen {listen}: the port is in use; "
        "stop what listens there, or set web.listen (or --listen) to another port"
    )
    assert int(free.removesuffix(", which is free")) > site.server.port


def test_an_address_of_another_machine_is_one_clear_line(site: Any) -> None:
    with pytest.raises(OutputError) as caught:
        Server(site.app, "192.0.2.1:8000")
    assert str(caught.value) == (
        "web.listen 192.0.2.1:8000: this machine has no such address; listen on 127.0.0.1 or 0.0.0.0"
    )


def test_a_server_stopped_before_it_serves_ends_at_once(site: Any) -> None:
    server = Server(site.app, "127.0.0.1:0")
    server.stop()
    server.serve()
    with pytest.raises(OSError, match="refused"):
        http.client.HTTPConnection("127.0.0.1", server.port, timeout=5).connect()
