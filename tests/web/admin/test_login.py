"""The admin listener: who gets in, and what nobody gets."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from admin_login import TOML, Begin, form_token, log_in

from publisher.app.secret_files import add_admin_token
from publisher.config import load
from publisher.core.errors import SettingsError

BEHIND_PROXY = TOML + 'admin_url = "https://admin.example.org/"\n'
PROXIED = {"host": "admin.example.org", "origin": "https://admin.example.org"}


def test_a_token_opens_the_pages_and_logging_out_closes_them(begin: Begin) -> None:
    site, http, token = begin()
    assert http.get("/admin").headers["location"] == "/admin/login"
    before = http.get("/admin/login")
    id = http.cookies["publisher-admin"]
    answer = log_in(http, token)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=strict" in answer.headers["set-cookie"]
    assert http.cookies["publisher-admin"] != id
    page = http.get("/admin")
    assert page.status_code == 200
    assert "Logged in as <bdi>ann</bdi>" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert not any(word in policy for word in ("script-src", "unsafe", "*", "http"))
    assert before.headers["cache-control"] == "no-store"
    assert http.get("/admin/styles.css").headers["content-type"].startswith("text/css")
    left = http.post("/admin/logout", data={"form_token": form_token(page)})
    assert left.status_code == 303
    http.cookies.set("publisher-admin", answer.cookies["publisher-admin"])
    assert http.get("/admin").status_code == 303
    assert site.http.get("/admin").status_code == 404


def test_only_what_it_knows_is_answered(begin: Begin) -> None:
    _, http, token = begin()
    log_in(http, token)
    for path in ("/feed.atom", "/subscribe", "/admin/", "/admin/nothing", "/admin/../feed.atom", "/healthz"):
        assert http.get(path).status_code == 404, path
    assert http.get("/").headers["location"] == "/admin"
    assert http.put("/admin").status_code == 405


def test_none_of_the_usual_attacks_succeeds(begin: Begin) -> None:
    _, http, token = begin()

    # A name that leads here, but is not this machine's (DNS rebinding), or two at once.
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil", "", "admin.example.org"):
        assert http.get("/admin/login", headers={"host": host}).status_code in {400, 421}, host
    two = "GET /admin/login HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", http.base_url.port or 0)) as line:
        line.sendall(two.encode())
        assert line.recv(100).split()[1] in {b"400", b"421"}
    assert http.get("/admin/login", headers={"host": "localhost:9001"}).status_code == 200

    # Fixation: an id that somebody else chose never becomes a session.
    chosen = "a" * 43
    http.cookies.set("publisher-admin", chosen, domain="127.0.0.1", path="/")
    page = http.get("/admin/login")
    http.cookies.clear()
    http.cookies.set("publisher-admin", chosen, domain="127.0.0.1", path="/")
    assert http.post("/admin/login", data={"form_token": form_token(page), "token": token}).status_code == 403
    http.cookies.clear()
    log_in(http, token)
    mine = http.cookies["publisher-admin"]
    assert mine != chosen
    with httpx.Client(base_url=http.base_url, trust_env=False, cookies={"publisher-admin": chosen}) as thief:
        assert thief.get("/admin").status_code == 303

    # Forms from elsewhere: without the token, with one of another session, or from another origin.
    good = form_token(http.get("/admin"))
    with httpx.Client(base_url=http.base_url, trust_env=False) as other:
        foreign = form_token(other.get("/admin/login"))
    attempts: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {}),
        ({"form_token": ""}, {}),
        ({"form_token": foreign}, {}),
        ({"form_token": good}, {"origin": "https://evil.example"}),
        ({"form_token": good}, {"origin": "null"}),
        ({"form_token": good}, {"sec-fetch-site": "cross-site"}),
        ({"form_token": good}, {"sec-fetch-site": "same-site"}),
    ]
    for fields, headers in attempts:
        http.post("/admin/logout", data=fields, headers=headers)
        http.cookies.set("publisher-admin", mine, domain="127.0.0.1", path="/")
        assert http.get("/admin").status_code == 200, (fields, headers)

    # Brute force: after a few wrong tokens even the right one waits.
    with httpx.Client(base_url=http.base_url, trust_env=False) as brute:
        seen = [log_in(brute, f"{'x' * 30}{n}").status_code for n in range(9)]
        assert (seen[0], seen[-1]) == (403, 429), seen
        assert log_in(brute, token).status_code == 429
        assert brute.get("/admin").status_code == 303

    # A huge form is not read.
    assert http.post("/admin/login", content=b"x" * 100_000).status_code == 413


def test_many_wrong_tokens_at_once_are_not_more_than_a_few(begin: Begin) -> None:
    _, http, _ = begin()
    page = http.get("/admin/login")
    fields = {"form_token": form_token(page), "token": "x" * 30}

    def attempt(_: int) -> int:
        return http.post("/admin/login", data=fields).status_code

    with ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(attempt, range(40)))
    assert seen.count(403) <= 5
    assert seen.count(429) >= 35


def test_a_session_ends_by_itself_and_with_its_token(begin: Begin) -> None:
    site, http, token = begin()
    log_in(http, token)
    site.clock.move(hours=1, minutes=59)
    assert http.get("/admin").status_code == 200
    site.clock.move(hours=2, minutes=1)
    assert http.get("/admin").status_code == 303
    log_in(http, token)
    assert http.get("/admin").status_code == 200
    file = site.app.settings.web.admin_token_file
    add_admin_token(file, "bo")
    assert http.get("/admin").status_code == 200
    file.write_text(file.read_text("utf-8").splitlines()[1] + "\n", "utf-8")  # Ann's line is gone
    assert http.get("/admin").status_code == 303


def test_behind_a_proxy_cookies_are_bound_to_https(begin: Begin) -> None:
    _, http, token = begin(BEHIND_PROXY)
    answer = log_in(http, token, PROXIED)
    assert answer.status_code == 403  # httpx keeps a Secure cookie from http, as a browser does
    page = http.get("/admin/login", headers=PROXIED)
    cookie = page.headers["set-cookie"]
    assert cookie.startswith("__Host-publisher-admin=")
    assert {"Secure", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    id = cookie.partition("=")[2].partition(";")[0]
    headers = {**PROXIED, "cookie": f"__Host-publisher-admin={id}"}
    fields = {"form_token": form_token(page), "token": token}
    answer = http.post("/admin/login", data=fields, headers=headers)
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("__Host-publisher-admin=")


@pytest.mark.parametrize(
    ("web", "said"),
    [
        ('admin_listen = "0.0.0.0:8001"\nadmin_token_file = "t"', "web.admin_listen"),
        ('admin_url = "http://admin.example.org/"', "web.admin_url"),
        ('admin_url = "https://example.org/admin/"', "web.admin_url"),
    ],
)
def test_beyond_this_machine_https_is_needed(tmp_path: Path, web: str, said: str) -> None:
    (tmp_path / "publisher.toml").write_text(f"{TOML.partition('[web]')[0]}\n[web]\n{web}\n", "utf-8")
    with pytest.raises(SettingsError) as error:
        load(tmp_path)
    assert said in str(error.value)
