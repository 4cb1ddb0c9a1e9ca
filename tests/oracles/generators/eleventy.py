"""Eleventy, as npm has it, asked by its own interface for all that it would write."""

import json
import re
from datetime import datetime
from pathlib import Path

from oracles import Built

from generators.node import installed, linked, ran

NAME = "eleventy"
VERSION = "3.1.8"

ASK = """
import Eleventy from "@11ty/eleventy";
const eleventy = new Eleventy(undefined, undefined, {
  quietMode: true,
  config: (site) => ["title", "page", "tags"].forEach((name) => site.dataFilterSelectors.add(name)),
});
const pages = await eleventy.toJSON();
process.stdout.write(JSON.stringify(pages.map((page) => ({
  file: page.inputPath, title: page.data?.title, instant: page.data?.page?.date, address: page.url,
  html: page.content, tags: page.data?.tags ?? [],
}))));
"""


def install(cache: Path) -> None:
    """Into `cache`, from the lock file beside this one."""
    installed(cache, NAME)


def build(site: Path, cache: Path) -> list[Built]:
    """Every page made of Markdown or HTML that has an address."""
    linked(site, cache)
    (site / "ask.oracle.mjs").write_text(ASK, "utf-8")
    config = "".join(file.read_text("utf-8") for file in site.glob("*eleventy*.js"))
    prefix = re.search(r'pathPrefix: "([^"]*)"', config)
    above = prefix[1].rstrip("/") if prefix else ""  # which page.url does not say
    pages = json.loads(ran(["node", "ask.oracle.mjs"], site))
    return [
        Built(
            file=page["file"].removeprefix("./"),
            title=str(page.get("title") or ""),
            instant=datetime.fromisoformat(page["instant"]),
            address=above + page["address"],
            html=page["html"],
            tags=tuple(map(str, page["tags"])),
        )
        for page in pages
        if page["address"] and page["file"].endswith((".md", ".markdown", ".html"))
    ]
