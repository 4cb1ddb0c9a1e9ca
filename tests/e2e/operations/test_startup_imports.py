"""What a command loads that has nothing to do. Every module costs time at every start, so whatever only an
import of subscribers, a sign-up, a rename or one generator's blog needs is loaded where it is used.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

POST = """---
title: High water
date: 2026-01-05 08:00
---

The tide comes in, see [the table](https://harbour.example/table).
"""

OF_MAKING = ("lxml", "comrak", "nh3", "jinja2", "premailer", "cssutils", "feedgen", "babel", "cryptography")
OF_IMPORTS = (
    "publisher.stores.sql.subscribers.import_rows",
    "publisher.core.subscribers.import_rows",
    "publisher.core.subscribers.import_columns",
    "publisher.core.subscribers.import_providers",
    "publisher.core.subscribers.csv_cells",
    "publisher.core.subscribers.csv_cells",
)
OF_SENDING = ("uvloop", "publisher.services.delivery.worker", "publisher.transports.smtp")
OF_OTHERS = (
    "flufl",
    "imap_tools",
    "publisher.core.delivery.bounce_reports",
    "alembic",
    "starlette",
    "uvicorn",
    "apscheduler",
    "watchfiles",
    "publisher.init_site",
    "publisher.web",
    "prometheus_client",
    "publisher.services.operations.measures",
)
GENERATORS = (
    "publisher.sources.generators.astro",
    "publisher.sources.generators.docusaurus",
    "publisher.sources.generators.eleventy",
    "publisher.sources.generators.hexo",
    "publisher.sources.generators.hugo",
    "publisher.sources.liquid.data_files",
    "publisher.sources.generators.pelican",
    "publisher.sources.generators.js_literals",
    "tree_sitter",
    "tree_sitter_javascript",
    "tree_sitter_typescript",
    "publisher.sources.generators.ignore_rules",
)
READING = (
    "publisher.sources.parse_post",
    "publisher.sources.liquid.conditions",
    "publisher.core.posts.markdown_regions",
)
"""What reads a file that changed."""

LOOKING = ("publisher.sources", "publisher.services.publishing.scan", "frontmatter", "yaml")
"""What looks at the folder of posts."""


PROGRAM = """
import atexit, sys
from publisher.cli import main
atexit.register(lambda: print("LOADED", *sys.modules, file=sys.stderr))
main()
"""


def loaded(*args: str) -> list[str]:
    """The modules that a Python of its own has loaded when `publisher ARGS` is done."""
    command = [sys.executable, "-c", PROGRAM, *args]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stderr.rpartition("LOADED")[2].split()


def among(modules: Iterable[str], names: Iterable[str]) -> list[str]:
    """Those of `modules` that are one of `names`, or inside one."""
    known = tuple(names)
    return sorted(it for it in modules if it in known or it.startswith(tuple(f"{name}." for name in known)))


def published(site: Any) -> list[str]:
    """A site with a post and a reader, and nothing to do; the options of a command that works on it."""
    file = site.post("high-water.md", POST)
    os.utime(file, (1, 1))  # one written a moment ago is read again
    site.publish("2026-01-06T08:00:00Z")
    site.reader("reader@example.org", "2026-01-06T09:00:00Z")
    site.publish("2026-01-06T10:00:00Z")
    return ["--site", str(site.folder)]


def test_help_loads_no_command_and_no_store() -> None:
    found = loaded("--help")
    ours = sorted(it for it in found if it.startswith("publisher."))
    assert ours == ["publisher.cli", "publisher.cli.help", "publisher.core", "publisher.core.errors"]
    assert among(found, ("sqlalchemy", "yaml", "logging", "dataclasses", *OF_MAKING, *OF_OTHERS)) == []


def test_status_loads_nothing_that_reads_posts(site: Any) -> None:
    found = loaded("status", *published(site))
    assert "publisher.stores.sql.store" in found
    assert among(found, (*OF_MAKING, *OF_IMPORTS, *OF_OTHERS, *LOOKING, *READING)) == []


def test_publish_with_nothing_to_do_loads_nothing_that_makes_anything(site: Any) -> None:
    found = loaded("publish", "--at", "2026-01-06T11:00:00Z", *published(site))
    assert "publisher.services.publishing.publish" in found
    assert (
        among(found, (*OF_MAKING, *OF_IMPORTS, *OF_OTHERS, *OF_SENDING, *GENERATORS, *READING, "yaml")) == []
    )
