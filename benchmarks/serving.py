"""How fast documents are served, against nginx with the same files, in the same run.

A feed of 30 kB in gzip, asked for by wrk over 64 connections: whole (200) and unchanged (304), by one client
that sends the same bytes again and again, and by 20,000 that each send their own. The server has one core and
wrk another; nginx has one worker, no access log, and sends the .gz beside the document. Both are asked in
turn, and the best of five rounds counts. Goal: at least 0.5 of nginx. What a machine does besides moves
requests a second, so the processor time of one request is shown too.

Then the same feed over 16 connections while `publisher run` publishes 10,000 posts with a page each.

wrk and nginx are Debian packages; as root they are installed where they are missing.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.making import make_posts
from benchmarks.table import table

PUBLISHER = [sys.executable, "-m", "publisher"]
CORES = sorted(os.sched_getaffinity(0))
SECONDS, ROUNDS = 2, 5
CLIENTS = 20_000
POSTS = 10_000
SIZE = 30_000
GOAL = 0.5

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    types {{ application/atom+xml atom; }}
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; root {root}; gzip_static on; }}
}}
"""

MANY = """
local n, asked = 0, {}
function init(args)
  for i = 1, tonumber(args[1]) do
    local headers = {["Host"] = "b.example", ["User-Agent"] = "Reader/" .. i .. " (+https://reader.example/)",
                     ["Accept"] = "*/*", ["Accept-Encoding"] = "gzip", ["If-None-Match"] = args[2],
                     ["X-Forwarded-For"] = "192.0.2.1"}
    asked[i] = wrk.format("GET", nil, headers)
  end
end
function request() n = n % #asked + 1; return asked[n] end
"""


def main() -> str:
    """Runs the comparison; returns its tables."""
    _need("nginx", "wrk")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx's worker is another user
        return _speed(folder / "speed") + "\n" + _meanwhile(folder / "meanwhile")


def _need(*programs: str) -> None:
    missing = [program for program in programs if not shutil.which(program)]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    elif missing:
        raise SystemExit(f"benchmarks.serving needs {' and '.join(missing)} (Debian has both)")


def _speed(folder: Path) -> str:
    site = _feed_of_30_kb(folder)
    script = folder / "many.lua"
    script.write_text(MANY)
    size = (site / "public/feed.atom.gz").stat().st_size
    rows = [["what", "publisher run", "nginx", "of nginx", "goal", "processor time of one, ours and nginx's"]]
    with _publisher(site) as ours, _nginx(site) as theirs:
        asked = [_questions(url, script) for url, _ in (ours, theirs)]
        for n, label in enumerate(("200", "304", f"200, {CLIENTS:,} clients", f"304, {CLIENTS:,} clients")):
            found = [(_round(ours[1], *asked[0][n]), _round(theirs[1], *asked[1][n])) for _ in range(ROUNDS)]
            (rate, cost), (their_rate, their_cost) = (max(results) for results in zip(*found, strict=True))
            figures = [f"{rate:,.0f}/s", f"{their_rate:,.0f}/s", f"{rate / their_rate:.2f}", f"{GOAL}"]
            rows.append([f"{label}, {size // 1000} kB", *figures, f"{cost:.1f} µs, {their_cost:.1f} µs"])
    return table("Serving a feed", rows)


def _questions(url: str, script: Path) -> list[Sequence[str]]:
    """wrk's arguments: 200 and 304 of one client, then of many."""
    tag = _tag(url)
    gzip = [
        "-H",
        "Accept-Encoding: gzip",
        "-H",
        "X-Forwarded-For: 192.0.2.1",
    ]  # more than one client may have
    return [
        [*gzip, url],
        [*gzip, "-H", f"If-None-Match: {tag}", url],
        ["-s", str(script), url, "--", str(CLIENTS), '"none"'],
        ["-s", str(script), url, "--", str(CLIENTS), tag],
    ]


def _round(pid: int, *args: str) -> tuple[float, float]:
    """Requests a second, and processor time of one in microseconds."""
    before = _ticks(pid)
    said = _wrk("-c64", f"-d{SECONDS}s", *args)
    spent = (_ticks(pid) - before) / os.sysconf("SC_CLK_TCK")
    assert "Non-2xx" not in said, said
    return float(_word(r"Requests/sec: +([\d.]+)", said)), spent / int(
        _word(r"(\d+) requests in", said)
    ) * 1e6


def _meanwhile(folder: Path) -> str:
    """Latency before a large publish and during it."""
    site = _site(folder, "[posts]\npages = true\n")
    (site / "posts/first.md").write_text("---\ntitle: First\ndate: 2015-01-01\n---\nWords.\n")
    subprocess.run([*PUBLISHER, "publish", "--site", str(site)], check=True, capture_output=True)
    made = folder / "made"
    make_posts(made, POSTS)
    rows = [["what", "requests", "median", "99 of 100 within", "longest"]]
    with _publisher(site, pinned=False) as (url, _):
        rows.append(["nothing else to do", *_latency(url)])
        made.rename(site / "posts/made")
        last = ["", "", "", ""]
        begin = time.perf_counter()
        pages = site / "public/posts"
        for n in range(1, 40):
            last = _latency(url)
            done = sum(1 for _ in pages.rglob("index.html")) > POSTS
            rows.append([f"while {POSTS:,} posts are published, {n * SECONDS} s in", *last])
            if done:
                break
        rows.append([f"the publish took at most {time.perf_counter() - begin:.0f} s", "", "", "", ""])
    return table("Serving while publishing", [rows[0], rows[1], *_worst(rows[2:-1]), rows[-1]])


def _worst(rows: list[list[str]]) -> list[list[str]]:
    """The middle one and the worst of the intervals, by what 99 of 100 had."""
    by_tail = sorted(rows, key=lambda row: _ms(row[3]))
    return [by_tail[len(by_tail) // 2], ["the worst such interval", *by_tail[-1][1:]]]


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]  # wrk's form
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def _latency(url: str) -> list[str]:
    said = _wrk("-c16", f"-d{SECONDS}s", "--latency", "-H", "Accept-Encoding: gzip", url)
    assert "Non-2xx" not in said, said
    longest = said.partition("Latency")[2].split()[2]
    rate = float(_word(r"Requests/sec: +([\d.]+)", said))
    return [f"{rate:,.0f}/s", _word(r"50% +(\S+)", said), _word(r"99% +(\S+)", said), longest]


def _wrk(*args: str) -> str:
    pinned = ["taskset", "-c", str(CORES[-1])]
    return subprocess.run([*pinned, "wrk", "-t1", *args], check=True, capture_output=True, text=True).stdout


def _word(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, text
    return found[1]


def _tag(url: str) -> str:
    head = subprocess.run(
        ["curl", "-sI", "-H", "Accept-Encoding: gzip", url], check=True, capture_output=True, text=True
    ).stdout
    return _word(r"(?i)etag: ([^\r\n]+)", head)


def _ticks(pid: int) -> int:
    """Processor time of a process in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _site(folder: Path, more: str = "") -> Path:
    site = folder / "site"
    (site / "posts").mkdir(parents=True)
    text = '[site]\ntitle = "B"\nurl = "https://b.example/"\n[web]\nlisten = "127.0.0.1:0"\n'
    (site / "publisher.toml").write_text(f'{text}[schedule]\npublish_every = "1h"\n{more}')
    return site


def _feed_of_30_kb(folder: Path) -> Path:
    """A site whose Atom feed has SIZE bytes in gzip, or a little more: 20 posts of made-up words."""
    site = _site(folder)
    dice = random.Random(1)  # noqa: S311  # the same posts every time, and no secret
    letters = "aaabcdeeeefghiiklmnnooprrsstttuuvw"
    words = ["".join(dice.choices(letters, k=dice.randint(2, 10))) for _ in range(3000)]
    for n in range(20):
        body = "\n\n".join(" ".join(dice.choices(words, k=56)) for _ in range(8))
        (site / f"posts/{n:02}.md").write_text(
            f"---\ntitle: Post {n}\ndate: 2024-10-{n + 1:02}\n---\n\n{body}\n"
        )
    subprocess.run([*PUBLISHER, "publish", "--site", str(site)], check=True, capture_output=True)
    return site


@contextmanager
def _publisher(site: Path, *, pinned: bool = True) -> Generator[tuple[str, int]]:
    """The feed's URL, and the process that serves it: a child of `publisher run`."""
    place = ["taskset", "-c", str(CORES[0])] if pinned else []
    run = [*place, *PUBLISHER, "run", "--site", str(site)]
    with subprocess.Popen(run, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = next(line for line in process.stderr if "serving" in line)
        url = _word(r"(http://\S+)", said) + "/feed.atom"
        time.sleep(1)
        [child, *_] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        try:
            yield url, int(child)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


@contextmanager
def _nginx(site: Path) -> Generator[tuple[str, int]]:
    """The same files by nginx, and its worker."""
    port = 8399
    config = site.parent / "nginx.conf"
    config.write_text(NGINX.format(folder=site.parent, port=port, root=site / "public"))
    place = ["taskset", "-c", str(CORES[0])]
    with subprocess.Popen([*place, "nginx", "-c", str(config)]) as process:
        time.sleep(1)
        [worker, *_] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        try:
            yield f"http://127.0.0.1:{port}/feed.atom", int(worker)
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait()


if __name__ == "__main__":
    print(main())
