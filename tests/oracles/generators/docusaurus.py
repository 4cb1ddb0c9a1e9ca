"""Docusaurus' blog plugin, as npm has it. Its pages are read."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lxml import html
from oracles import Built

from generators.node import installed, linked, ran, without_notes

NAME = "docusaurus"
VERSION = "3.10.2"


def install(cache: Path) -> None:
    """Into `cache`, from the lock file beside this one."""
    installed(cache, NAME)


def build(site: Path, cache: Path) -> list[Built]:
    """Every post of every language. One without a translation stands among each language's: it is the post of
    its own.
    """
    linked(site, cache)
    shutil.rmtree(cache / "node_modules/.cache", ignore_errors=True)  # of another blog
    ran(["node", "node_modules/@docusaurus/core/bin/docusaurus.mjs", "build"], site)
    trees = (
        html.document_fromstring(file.read_text("utf-8")) for file in sorted((site / "build").rglob("*.html"))
    )
    posts = [_built(tree) for tree in trees if "blog-post-page" in (tree.get("class") or "")]
    first = {post.file: post for post in sorted(posts, key=lambda post: len(post.address), reverse=True)}
    return list(first.values())


def _built(page: Any) -> Built:
    """What a page says of its post. Its link to "edit this page" names the file."""
    edit = page.xpath("//a[contains(@href, 'https://edit.example/')]")[0].get("href")
    titles = page.xpath("//article//header//h1")
    body = page.xpath("//*[@id='__blog-post-container']")[0]
    for anchor in body.xpath(".//a[contains(@class, 'hash-link')]"):
        anchor.drop_tree()
    return Built(
        file=unquote(edit.removeprefix("https://edit.example/")),
        title=titles[0].text_content() if titles else "",
        instant=datetime.fromisoformat(page.xpath("//article//time")[0].get("datetime")),
        address=page.xpath("//link[@rel='canonical']")[0].get("href"),
        html=without_notes(body),
        tags=tuple(tag.text_content() for tag in page.xpath("//article//footer//a[@rel='tag']")),
        authors=tuple(
            name.text_content()
            for name in page.xpath("//article//header//*[contains(@class, 'avatar__name')]//*[not(*)]")
        ),
    )
