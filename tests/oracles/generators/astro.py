"""Astro, as npm has it. Its pages are read: each names its post in an <article data-file="...">, which the
page of the collection writes.
"""

from datetime import datetime
from pathlib import Path

from lxml import html
from oracles import Built

from generators.node import installed, linked, ran, without_notes

NAME = "astro"
VERSION = "5.18.2"


def install(cache: Path) -> None:
    """Into `cache`, from the lock file beside this one."""
    installed(cache, NAME)


def build(site: Path, cache: Path) -> list[Built]:
    """Every page that shows a post."""
    linked(site, cache)
    ran(["node", "node_modules/astro/astro.js", "build", "--silent"], site)
    posts = [
        post
        for file in sorted((site / "dist").rglob("*.html"))
        for post in html.document_fromstring(file.read_text("utf-8")).xpath("//article[@data-file]")
    ]
    return [
        Built(
            file=post.get("data-file"),
            title=post.get("data-title"),
            instant=datetime.fromisoformat(post.get("data-instant")),
            address=post.get("data-address"),
            html=without_notes(post),
        )
        for post in posts
    ]
