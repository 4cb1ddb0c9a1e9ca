"""Builds the small blogs with their real generators, and compares: `make oracles`.

    python tests/oracles/run.py [--write] [GENERATOR|parsers|mails ...]

Generators are installed by name and pinned version from their registries into .oracles/, which Git ignores. A
golden file that a generator would write differently is an error; --write writes it anew.
"""

import argparse
import hashlib
import importlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    str(ROOT),
    str(ROOT / "tests/support"),
    str(ROOT / "tests/support/site"),
    str(Path(__file__).parent),
]

from oracles import compare, golden, sites  # noqa: E402  the path is set above

CACHE = ROOT / ".oracles"
OTHERS = ("parsers", "mails")
"""Folders whose run.py asks programs about what we write: parsers of feeds, verifiers and filters of mail."""


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--write", action="store_true", help="write the golden files anew")
    asked.add_argument("generators", nargs="*", help="only these; default: all")
    options = asked.parse_args()
    names = sorted({folder.parent.name for folder in sites()})
    failed = 0
    for name in options.generators or (*names, *OTHERS):
        if name in OTHERS:
            program = [sys.executable, str(Path(__file__).parent / name / "run.py")]
            failed += subprocess.call([*program, "--write"] if options.write else program)
            continue
        generator = importlib.import_module(f"generators.{name}")
        try:
            cache = _installed(name, generator)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{name}: {generator.VERSION} cannot be installed ({error})", file=sys.stderr)
            failed += 1
        else:
            failed += _run(name, generator, cache, write=options.write)
    return 1 if failed else 0


def _installed(name: str, generator: ModuleType) -> Path:
    """The folder of the generator in its pinned version, installed if it is not there, or by another lock."""
    cache = CACHE / f"{name}-{generator.VERSION}"
    lock = Path(__file__).parent / "generators/npm" / name / "package-lock.json"
    pinned = hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else ""
    marker = cache / "installed"
    if not marker.exists() or marker.read_text("utf-8") != pinned:
        print(f"{name}: installing {generator.VERSION}", file=sys.stderr)
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        generator.install(cache)
        marker.write_text(pinned, "utf-8")
    return cache


def _run(name: str, generator: ModuleType, cache: Path, *, write: bool) -> int:
    """Prints a line for each blog; returns how many differ."""
    failed = 0
    for folder in sites(name):
        with tempfile.TemporaryDirectory() as tmp:
            shutil.copytree(folder / "site", Path(tmp) / "site")
            built = generator.build(Path(tmp) / "site", cache)
        text, file = golden(built, f"{name} {generator.VERSION}"), folder / "expected.json"
        old = file.read_text("utf-8") if file.exists() else ""
        if write:
            file.write_text(text, "utf-8")
        with tempfile.TemporaryDirectory() as tmp:
            result = compare(folder, Path(tmp)) if write or old else None
        state = "as before" if old == text else "written" if write else "DIFFERS FROM ITS GOLDEN FILE"
        stale = [f"no difference any more: {item}" for item in result.stale] if result else []
        faults = [*result.wrong, *stale] if result else []
        posts, ours = len(json.loads(text)["posts"]), len(faults) or "no"
        print(f"{name:<11} {folder.name:<20} {posts:>3} posts  {state}; ours: {ours} differences")
        for fault in faults:
            print(f"    {fault}")
        failed += bool(faults) or (old != text and not write)
    return failed


if __name__ == "__main__":
    sys.exit(main())
