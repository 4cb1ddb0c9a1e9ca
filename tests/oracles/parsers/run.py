"""Has feed parsers read our feeds, and compares what they see: `make oracles`.

    python tests/oracles/parsers/run.py [--write] [PARSER ...]

A parser is skipped, with a line that says so, where its language or the parser itself is not installed and
cannot be. What each sees of the site of nasty posts and of the example site is kept in golden/; --write
writes that anew. Known faults of parsers are listed in differs.json, any other difference is an error.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [
    str(ROOT),
    str(ROOT / "tests/support"),
    str(ROOT / "tests/support/site"),
    str(Path(__file__).parent),
]

import parsed_feeds as feeds  # noqa: E402  the path is set above

PROGRAMS = Path(__file__).parent / "programs"
CACHE = ROOT / ".oracles/parsers"
JARS = [f"/usr/share/java/{name}.jar" for name in ("rome", "rome-utils", "jdom2", "slf4j-api", "slf4j-nop")]
GO_PATH = "/usr/share/gocode"

Read = Callable[[Sequence[Path]], str]
"""Has a parser read documents: prints a JSON array of entries for each, a line each."""


class Missing(Exception):
    """A parser is not installed and cannot be; says why."""


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--write", action="store_true", help="write the golden files anew")
    asked.add_argument("parsers", nargs="*", help=f"only these of {', '.join(PARSERS)}; default: all")
    options = asked.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        sites = dict(feeds.sites(Path(tmp)))
        blogs = dict(feeds.corpora(Path(tmp)))
        for name in options.parsers or PARSERS:
            install, formats = PARSERS[name]
            try:
                read = install()
            except (Missing, OSError, subprocess.CalledProcessError) as error:
                print(f"{name:<11} skipped: {error}")
                continue
            found = {site: rows_of(read, public, formats) for site, public in sites.items()}
            failed += kept(name, found, write=options.write)
            found |= {blog: rows_of(read, public, formats) for blog, public in blogs.items()}
            for site, rows in found.items():
                faults = feeds.compare(name, site, rows, {**sites, **blogs}[site])
                count = f"{len(next(iter(rows.values())))} entries, {' '.join(rows)}"
                print(f"{name:<11} {site:<20} {count:<30} {len(faults) or 'no'} differences")
                for fault in faults[:20]:
                    print(f"    {fault}")
                failed += len(faults)
    return 1 if failed else 0


def rows_of(read: Read, public: Path, formats: Sequence[str]) -> feeds.Rows:
    """What a parser sees of a site's feed, by format."""
    lines = read([public / feeds.FORMATS[format] for format in formats]).splitlines()
    return {
        format: [feeds.seen(row) for row in json.loads(line)]
        for format, line in zip(formats, lines, strict=True)
    }


def kept(name: str, found: dict[str, feeds.Rows], *, write: bool) -> int:
    """Compares with the golden file; returns whether it differs, unless it is written."""
    text, file = feeds.golden(found), feeds.GOLDENS / f"{name}.json"
    if write:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    same = file.exists() and file.read_text("utf-8") == text
    if not same:
        print(f"{name:<11} differs from its golden file: read the difference, then WRITE=--write")
    return not same


def ran(command: Sequence[str], **environ: str) -> str:
    """What a command printed. Raises Missing with the last line it said where it fails."""
    env = os.environ | {"TZ": "UTC", "LC_ALL": "C.UTF-8"} | environ
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{command[0]}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    return done.stdout


def debian(*packages: str) -> None:
    """Installs packages of Debian, as root."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise Missing(f"{', '.join(packages)} of Debian are not installed, and only root could install them")
    ran(["apt-get", "update", "-qq"])
    ran(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
        DEBIAN_FRONTEND="noninteractive",
    )


def gofeed() -> Read:
    if shutil.which("go") is None or not Path(GO_PATH, "src/github.com/mmcdole/gofeed").is_dir():
        debian("golang-go", "golang-github-mmcdole-gofeed-dev")
    program = CACHE / "gofeed"
    CACHE.mkdir(parents=True, exist_ok=True)
    ran(
        ["go", "build", "-o", str(program), str(PROGRAMS / "gofeed.go")],
        GO111MODULE="off",
        GOPATH=GO_PATH,
        GOCACHE=str(CACHE / "go"),
        GOFLAGS="-mod=mod",
    )
    return lambda paths: ran([str(program), *map(str, paths)])


def rome() -> Read:
    if shutil.which("java") is None or not all(Path(jar).exists() for jar in JARS):
        debian("default-jdk-headless", "librome-java", "libslf4j-java")
    command = ["java", "-Dfile.encoding=UTF-8", "-cp", ":".join(JARS), str(PROGRAMS / "Rome.java")]
    return lambda paths: ran([*command, *map(str, paths)])


def of_npm(name: str) -> Callable[[], Read]:
    def install() -> Read:
        if shutil.which("npm") is None:
            raise Missing("npm is not installed")
        folder = CACHE / "npm"
        folder.mkdir(parents=True, exist_ok=True)
        pinned = (PROGRAMS / "npm/package-lock.json").read_bytes()
        known = folder / "package-lock.json"
        fresh = not known.exists() or known.read_bytes() != pinned
        for file in (PROGRAMS / "npm").iterdir():
            shutil.copy(file, folder / file.name)
        if fresh or not (folder / "node_modules").is_dir():
            quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            ran(["npm", "ci", "--prefix", str(folder), *quiet])
        return lambda paths: ran(["node", str(folder / f"{name}.mjs"), *map(str, paths)])

    return install


XML, ALL = ("atom", "rss"), ("atom", "rss", "json")
PARSERS: dict[str, tuple[Callable[[], Read], Sequence[str]]] = {
    "gofeed": (gofeed, ALL),
    "rome": (rome, XML),
    "rss-parser": (of_npm("rss-parser"), XML),
    "feedparser": (of_npm("feedparser"), XML),
    "feedsmith": (of_npm("feedsmith"), ALL),
}
"""How each parser is installed, and the formats that it reads."""


if __name__ == "__main__":
    sys.exit(main())
