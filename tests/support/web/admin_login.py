"""Logging in to the admin pages, as a browser does."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from publisher.services.subscribers import subscribe

TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2024"

[[lists]]
slug = "daily"
title = "The Harbour, daily"
from = "The Harbour <news@harbour.example>"

[web]
public_url = "https://readers.example/"
admin_listen = "127.0.0.1:0"
admin_token_file = "tokens"
"""

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
WITH_APPROVAL = TOML.replace('from = "The', 'approve = true\nfrom = "The')

Begin = Callable[..., tuple[Any, httpx.Client, str]]


def form_token(page: httpx.Response) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert found, page.text
    return found[1]


def log_in(http: httpx.Client, token: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    page = http.get("/admin/login", headers=headers)
    fields = {"form_token": form_token(page), "token": token}
    return http.post("/admin/login", data=fields, headers=headers)


def write_post(site: Any, name: str, title: str, date: str) -> None:
    text = f"---\ntitle: '{title.replace(chr(39), chr(39) * 2)}'\ndate: {date}\n---\n\nWords of it.\n"
    (site.app.settings.posts.dir / f"{name}.md").write_text(text, "utf-8")


def filled(begin: Begin) -> tuple[Any, httpx.Client]:
    """A site with two readers, whose digest waits for approval; and a browser that is logged in."""
    site, http, token = begin(WITH_APPROVAL)
    write_post(site, "low", "Low tide", "2026-04-30T08:00:00Z")
    site.app.publish()
    spec, deps = site.app.deps.rules.lists[0], site.app.deps
    for name in ("ann", "bo"):
        subscribe.add(deps, spec, f"{name}@example.org", site.clock.now, confirmed=True)
    write_post(site, "evil", EVIL, "2026-05-01T13:00:00Z")
    site.clock.move(days=1)
    site.app.publish()
    log_in(http, token)
    return site, http


def paths_of(site: Any) -> dict[str, str]:
    mailing = site.app.store.digests(limit=1)[0].id
    return {
        "overview": "/admin",
        "mailings": "/admin/mailings",
        "mailing": f"/admin/mailings/{mailing}",
        "subscribers": "/admin/subscribers",
        "subscriber": "/admin/subscribers/1",
        "lists": "/admin/lists",
        "list": "/admin/lists/daily",
        "feeds": "/admin/feeds",
        "posts": "/admin/posts",
        "check": "/admin/check",
        "audit": "/admin/audit",
    }


def act(http: httpx.Client, path: str, **fields: Any) -> httpx.Response:
    token = form_token(http.get(path))
    http.post(path, data={"form_token": token, "back": path, **fields})
    return http.get(path)
