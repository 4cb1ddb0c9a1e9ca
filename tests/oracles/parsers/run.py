"""Has feed parsers read our feeds, and compares what they see: `make oracles`.

    python tests/oracles/parsers/run.py [--write] [PARSER ...]

A parser is skipped, with a line that says so, where its language or the parser itself is not installed and
cannot be. What each sees of the site of nasty posts and of the example site is kept in golden/; --write
writes that anew. Known faults of parsers are listed in differs.json, any other difference is an error.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [
    str(ROOT),
    str(ROOT / "tests/support"),
    str(ROOT / "tests/support/site"),
    str(ROOT / "tests/oracles"),
]

import parsed_feeds as feeds  # noqa: E402  the path is set above
from installed import Missing, debian, go, kept, npm, ran  # noqa: E402

PROGRAMS = Path(__file__).parent / "programs"
JARS = [f"/usr/share/java/{name}.jar" for name in ("rome", "rome-utils", "jdom2", "slf4j-api", "slf4j-nop")]

Read = Callable[[Sequence[Path]], str]
"""Has a parser read documents: prints a JSON array of entries for each, a line each."""


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--ours", action="store_true", help="only the sites of our own, not the corpora")
    asked.add_argument("--write", action="store_true", help="write the golden files anew")
    asked.add_argument("parsers", nargs="*", help=f"only these of {', '.join(PARSERS)}; default: all")
    options = asked.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        sites = dict(feeds.sites(Path(tmp)))
        blogs = {} if options.ours else dict(feeds.corpora(Path(tmp)))
        for name in options.parsers or PARSERS:
            install, formats = PARSERS[name]
            try:
                read = install()
            except Missing as error:
                print(f"{name:<11} skipped: {error}")
                continue
            found = {site: rows_of(read, public, formats) for site, public in sites.items()}
            failed += kept(feeds.GOLDENS / f"{name}.json", feeds.golden(found), write=options.write)
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


def gofeed() -> Read:
    program = go(
        "gofeed", PROGRAMS / "gofeed.go", "golang-github-mmcdole-gofeed-dev", "github.com/mmcdole/gofeed"
    )
    return lambda paths: ran([program, *paths])


def rome() -> Read:
    have = shutil.which("java") is not None and all(Path(jar).exists() for jar in JARS)
    debian("default-jdk-headless", "librome-java", "libslf4j-java", have=have)
    command = ["java", "-Dfile.encoding=UTF-8", "-cp", ":".join(JARS), str(PROGRAMS / "Rome.java")]
    return lambda paths: ran([*command, *paths])


def of_npm(name: str) -> Callable[[], Read]:
    def install() -> Read:
        folder = npm("parsers", PROGRAMS / "npm")
        return lambda paths: ran(["node", folder / f"{name}.mjs", *paths])

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
