"""Hexo, as npm has it, asked by its own interface for its posts once they are rendered."""

import json
import re
from datetime import datetime
from pathlib import Path

from oracles import Built

from generators.node import installed, linked, ran

NAME = "hexo"
VERSION = "8.1.2"

_ZONE = re.compile(r"^timezone: *(\S+)", re.MULTILINE)
_HEADERLINK = re.compile(r"<a [^<>]*class=\"headerlink\"[^<>]*></a>")

ASK = """
const Hexo = require("hexo");
(async () => {
  const hexo = new Hexo(process.cwd() + "/", { silent: true });
  await hexo.init();
  await hexo.load();
  const posts = hexo.locals.get("posts").map((post) => ({
    file: `${hexo.config.source_dir}/${post.source}`, title: post.title, instant: post.date.toISOString(),
    address: hexo.config.root + post.path.replace(/^[/]/, ""), html: post.content, more: post.excerpt || null,
    tags: post.tags.map((tag) => tag.name), categories: post.categories.map((category) => category.name),
  }));
  await hexo.exit();
  process.stdout.write(JSON.stringify(posts));
})();
"""


def install(cache: Path) -> None:
    """Into `cache`, from the lock file beside this one."""
    installed(cache, NAME)


def build(site: Path, cache: Path) -> list[Built]:
    """Every post; the theme is an empty one. Hexo makes addresses by the clock of the machine: it has the
    zone of the blog, as its author's has.
    """
    zone = _ZONE.search((site / "_config.yml").read_text("utf-8"))
    linked(site, cache)
    (site / "themes/landscape/layout").mkdir(parents=True, exist_ok=True)
    (site / "themes/landscape/_config.yml").write_text("{}\n", "utf-8")
    (site / "ask.oracle.cjs").write_text(ASK, "utf-8")
    return [
        Built(
            file=post["file"],
            title=str(post["title"] or ""),
            instant=datetime.fromisoformat(post["instant"]),
            address=post["address"],
            html=_HEADERLINK.sub("", post["html"]),
            summary=post["more"],
            tags=tuple(post["tags"]),
            categories=tuple(post["categories"]),
        )
        for post in json.loads(ran(["node", "ask.oracle.cjs"], site, TZ=zone[1] if zone else "UTC"))
    ]
