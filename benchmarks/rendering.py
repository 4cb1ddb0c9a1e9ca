"""How fast a digest of 20 posts is composed, rendered and inlined, beside inlining its whole HTML anew.

Posts are those of `making`, 6 kB of Markdown each, on a real store. New: no post was in a digest before.
Warm: the next cohorts of a mailing show 20 of the same posts, each another 20. The limit is 25 ms. The peers
get the very same mail before it is inlined: premailer as its documentation has it, and css_inline where it is
installed.
"""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any
from unittest.mock import patch

from benchmarks.making import make_posts
from benchmarks.table import table
from publisher.app import App, fixed
from publisher.config import load
from publisher.rendering import inlining
from publisher.services.digests.compose import compose_mail, digest_of
from publisher.services.mail.messages import PostVersions

NOW = datetime(2026, 10, 5, 9, tzinfo=UTC)
LIMIT = 0.025
POSTS, SHOWN = 40, 20
TOML = """
[site]
title = "The shore"
url = "https://shore.example/"
[[lists]]
slug = "daily"
from = "The shore <news@shore.example>"
"""


def main() -> str:
    """Runs the comparison; returns its table."""
    with tempfile.TemporaryDirectory() as folder:
        make_posts(Path(folder) / "posts", POSTS)
        (Path(folder) / "publisher.toml").write_text(TOML, encoding="utf-8")
        app = App(load(Path(folder)), clock=fixed(NOW), environ={})
        app.publish(mail=False)
        pairs = tuple((known.id, known.post.revision) for known in reversed(app.store.newest_posts(POSTS)))
        rows = measured(app, pairs)
        app.close()
    return table("A digest of 20 posts", rows)


def measured(app: App, pairs: PostVersions) -> list[list[str]]:
    """The rows of the table, its head first."""
    spec = app.settings.lists[0]

    def digest(first: int) -> str:
        shown = digest_of(app.deps, spec, pairs[first : first + SHOWN], NOW)
        return compose_mail(app.deps, shown, 1)[0].html

    digest(POSTS - SHOWN)  # what is loaded and compiled once
    begin = process_time()
    digest(0)
    cold = process_time() - begin
    for first in range(POSTS - SHOWN):
        digest(first)
    turn = iter(range(10_000))
    warm = seconds(lambda: digest(next(turn) % (POSTS - SHOWN)), times=41)
    plain = before_inlining(digest)
    rows = [["what", "median of processor time", "limit", "of the limit", "times ours"]]
    for name, taken in [
        ("composed, rendered, inlined: warm", warm),
        ("the same, half of its posts new (once)", cold),
    ]:
        limit = [f"{LIMIT * 1e3:.0f} ms", f"{taken / LIMIT:.2f}"] if taken is warm else ["", ""]
        rows.append([name, f"{taken * 1e3:.1f} ms", *limit, f"{taken / warm:.1f}"])
    for name, inline in peers():
        taken = seconds(lambda inline=inline: inline(plain))
        rows.append(
            [f"{name}, inlining that mail only", f"{taken * 1e3:.1f} ms", "", "", f"{taken / warm:.1f}"]
        )
    return rows


def seconds(run: Callable[[], object], *, times: int = 7) -> float:
    """The median processor time of `run`: one thread works, and nothing is waited for."""
    taken: list[float] = []
    for _ in range(times):
        begin = process_time()
        run()
        taken.append(process_time() - begin)
    return median(taken)


def before_inlining(digest: Callable[[int], str]) -> str:
    """The HTML of a digest as its template gives it."""

    def keep(rendered: str, *_: object) -> str:
        return rendered

    with (
        patch.object(inlining.Marks, "whole", lambda *_: False),
        patch.object(inlining, "assemble", keep),
    ):
        return digest(0)


def peers() -> list[tuple[str, Callable[[str], object]]]:
    """Other inliners, by name; one that is not installed is left out."""
    premailer: Any = import_module("premailer")
    found: list[tuple[str, Callable[[str], object]]] = [("premailer", premailer.transform)]
    try:
        css_inline: Any = import_module("css_inline")
        found.append(("css_inline", css_inline.inline))
    except ImportError:
        pass
    return found


if __name__ == "__main__":
    print(main())
