"""Generators that npm has: how they are installed, and run without a network or a word home."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lxml.etree import tostring

QUIET = {
    "ASTRO_TELEMETRY_DISABLED": "1",
    "CI": "1",
    "DO_NOT_TRACK": "1",
    "NO_UPDATE_NOTIFIER": "1",
    "NODE_ENV": "production",
    "TZ": "UTC",
}


def installed(cache: Path, name: str) -> None:
    """Into `cache`, what the lock file of the generator `name` pins. No package's script is run."""
    for file in ("package.json", "package-lock.json"):
        shutil.copy(Path(__file__).parent / "npm" / name / file, cache / file)
    subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=cache, check=True
    )


def linked(site: Path, cache: Path) -> None:
    """Lets the blog find what is installed."""
    (site / "node_modules").symlink_to(cache / "node_modules")


def ran(command: Sequence[str], site: Path, **environ: str) -> str:
    """What a command printed, run in the folder of the blog with these variables set, too."""
    done = subprocess.run(
        command, cwd=site, env=os.environ | QUIET | environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def without_notes(body: Any) -> str:
    """The HTML of a body without the marks of GitHub's footnotes, which each engine writes its own way."""
    for mark in body.xpath(".//*[@id='footnote-label'] | .//sup[.//a[@data-footnote-ref]]"):
        mark.drop_tree()
    return tostring(body, encoding="unicode", method="html", with_tail=False)
