"""Folders of files as a blog has them, and the posts that are read of them."""

from pathlib import Path

from declared import source_rules

from publisher.core.posts.post import ParsedPost, Post
from publisher.sources import FolderSource, SourceRules

RULES = source_rules(site_url="https://x.example/")


def read(
    root: Path, files: dict[str, str], rules: SourceRules = RULES, *, folder: str = ""
) -> dict[str, Post]:
    """The posts in `folder` of a blog at `root` that has these files, by path."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    found = FolderSource(root / folder, rules, root).scan()
    return {item.post.path: item.post for item in found if isinstance(item, ParsedPost)}
