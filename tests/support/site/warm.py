"""The command line from a warm process: what a fresh one does, without a second of imports.

`start(ARGS)` is what `python -m publisher ARGS` would be: a process of its own, with its own number, streams,
environment, folder and exit code, which a test may stop, kill or wait for. It is forked from a server that
has imported Publisher, published and mailed once, has nothing open and one thread. What Python reads only as
it starts, such as PYTHONHASHSEED, cannot be told to a fork: where the environment differs in that, it
gets a fresh Python, as with `fresh`. What a fresh one loads, and when, is no matter for a warm one.

This file is also the program of the server.
"""

import asyncio
import atexit
import gc
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from runpy import run_module
from typing import Any, TextIO

COMMAND = (sys.executable, "-m", "publisher")
READ_AT_START = ("PYTHON", "LANG", "LC_", "LD_", "MALLOC_")
"""How the variables begin that a process reads only as it starts."""
ELSEWHERE = ("alembic.command", "brotli", "cryptography.hazmat.primitives.asymmetric.ed25519", "premailer")
"""What Publisher imports within functions, beside its own modules and what these import."""

_REHEARSED = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2020"
postal_address = "1 Quay Street"
[[lists]]
slug = "daily"
from = "The Harbour <news@harbour.example>"
cadence = "daily"
at = "08:00"
"""

_NUMBER = struct.Struct("!i")


class Forked:
    """What tests need of a subprocess.Popen, of a process that is the server's child."""

    def __init__(self, args: Sequence[str], env: Mapping[str, str], stdout: int, stderr: int) -> None:
        self.args = [*COMMAND, *args]
        self.returncode: int | None = None
        # Made first: once the server has the streams it waits for the order, whatever is raised here.
        order = json.dumps({"args": args, "env": dict(env), "folder": str(Path.cwd())}).encode() + b"\n"
        self._line, theirs = socket.socketpair()
        self.stdout, out = _stream(stdout)
        self.stderr, err = _stream(stderr)
        with theirs, Path(os.devnull).open() as nothing:
            socket.send_fds(_server(), [b"."], [theirs.fileno(), nothing.fileno(), out, err])
        os.close(out)
        os.close(err)
        self._line.sendall(order)
        self.pid = self._number()

    def poll(self) -> int | None:
        """The exit code, once there is one."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code: of a signal the negative number. Raises TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._line], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = self._number()
            self._line.close()
        return self.returncode

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        """What is left on stdout and stderr ("" where that is no pipe), when both and the process have ended.
        Raises TimeoutExpired."""
        said = {"stdout": "", "stderr": ""}
        until = time.monotonic() + timeout

        def read(name: str, stream: TextIO) -> None:
            with stream:
                said[name] = stream.read()

        pipes = {"stdout": self.stdout, "stderr": self.stderr}
        readers = [threading.Thread(target=read, args=pipe, daemon=True) for pipe in pipes.items() if pipe[1]]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(max(0, until - time.monotonic()))
        self.wait(max(0, until - time.monotonic()))
        if any(reader.is_alive() for reader in readers):
            raise subprocess.TimeoutExpired(self.args, timeout)
        return said["stdout"], said["stderr"]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _number(self) -> int:
        said = self._line.recv(_NUMBER.size, socket.MSG_WAITALL)
        assert said, "the warm process is gone; what it printed says why"
        number: int = _NUMBER.unpack(said)[0]
        return number


Process = Forked | subprocess.Popen[str]


def start(
    args: Sequence[str],
    env: Mapping[str, str],
    *,
    stdout: int = subprocess.DEVNULL,
    stderr: int = subprocess.DEVNULL,
    fresh: bool = False,
) -> Process:
    """`publisher ARGS` as a process that has nothing to read; stdout and stderr are PIPE or DEVNULL."""
    if not fresh and _at_start(env) == _at_start(os.environ):
        return Forked(args, env, stdout, stderr)
    return subprocess.Popen(
        [*COMMAND, *args], stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, text=True, env=env
    )


def run(
    args: Sequence[str], env: Mapping[str, str], *, fresh: bool = False
) -> subprocess.CompletedProcess[str]:
    """`publisher ARGS` to its end, within two minutes."""
    process = start(args, env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, fresh=fresh)
    try:
        out, err = process.communicate(timeout=120)
    except BaseException:
        process.kill()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(READ_AT_START)}


def _stream(asked: int) -> tuple[TextIO | None, int]:
    """Our end of a stream, where there is one, and the number of theirs."""
    if asked == subprocess.DEVNULL:
        return None, os.open(os.devnull, os.O_WRONLY)
    assert asked == subprocess.PIPE
    ours, theirs = os.pipe()
    return os.fdopen(ours, encoding="utf-8"), theirs


@cache
def _server() -> socket.socket:
    """The line to the server of this process, which ends with it. Started when first asked for."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()]
        )

    def end() -> None:
        ours.close()
        process.wait(10)

    atexit.register(end)
    return ours


def _serve(line: socket.socket) -> list[str] | None:
    """Forks a process for each order and says its number and how it ended, until nobody asks any more.

    Returns in each forked process too, with the arguments of its command.
    """
    _import_all()
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking)
    children: dict[int, socket.socket] = {}
    while True:
        ready = select.select([line, woken], [], [])[0]
        if woken in ready:
            os.read(woken, 4096)
            _tell_ends(children)
        if line not in ready:
            continue
        asked, numbers, _, _ = socket.recv_fds(line, 1, 4)
        if not asked:
            return None
        theirs = socket.socket(fileno=numbers[0])
        with theirs.makefile() as lines:
            order = json.loads(lines.readline())
        if child := os.fork():
            children[child] = theirs
            for number in numbers[1:]:
                os.close(number)
            _say(theirs, child)
            continue
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in (line, theirs, *children.values()):
            one.close()
        os.close(woken)
        os.close(waking)
        return _become(order, numbers[1:])


def _tell_ends(children: dict[int, socket.socket]) -> None:
    while children:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        with children.pop(child) as theirs:
            _say(theirs, os.waitstatus_to_exitcode(status))


def _say(theirs: socket.socket, number: int) -> None:
    with suppress(OSError):  # a test that failed no longer listens
        theirs.sendall(_NUMBER.pack(number))


def _become(order: dict[str, Any], streams: Sequence[int]) -> list[str]:
    """Makes this process what a fresh one would be as it starts."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.chdir(order["folder"])
    sys.path[0] = order["folder"]
    args: list[str] = order["args"]
    return args


def _import_all() -> None:
    """Imports what any command may, and leaves nothing of it for the collector to go over in each process."""
    from statements import keep_statements

    import publisher
    from templates import compile_all, keep_compiled

    for module in walk_packages(publisher.__path__, "publisher."):
        if module.name != "publisher.__main__" and ".migrations." not in module.name:
            import_module(module.name)
    for name in ELSEWHERE:
        import_module(name)
    keep_compiled()
    compile_all()
    keep_statements()
    _rehearse()
    tasks = Path("/proc/self/task")
    assert not tasks.is_dir() or len(list(tasks.iterdir())) == 1, "what has threads must not be forked"
    gc.collect()
    gc.freeze()


def _rehearse() -> None:
    """Publishes a post and mails its digest, as most commands do: SQL is compiled at its first use, and so
    are large patterns and the styles of mails. Nothing stays open.
    """
    from publisher.app import App, fixed
    from publisher.config import load
    from publisher.services.delivery import deliver
    from publisher.services.subscribers import subscribe

    usual = deliver.run
    begin = datetime(2020, 10, 6, 9, tzinfo=UTC)
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder)
        (site / "posts").mkdir()
        (site / "publisher.toml").write_text(_REHEARSED, encoding="utf-8")
        for day in range(3):
            now = begin + timedelta(days=day)
            text = f"---\ntitle: Day {day}\ndate: {now.isoformat()}\n---\nWords, and [more](https://example.org/).\n"
            (site / "posts" / f"{day}.md").write_text(text, encoding="utf-8")
            app = App(load(site, {}), clock=fixed(now), environ={}, say=lambda _: None)
            app.publish()
            if not day:
                subscribe.add(app.deps, app.settings.lists[0], "ann@example.org", now, confirmed=True)
            deliver.run = asyncio.run  # libuv's own threads and loop would not survive a fork
            try:
                app.deliver()
            finally:
                deliver.run = usual
            app.status()
            app.close()


def _end(code: int) -> None:
    """Ends as the interpreter does, but does not take itself apart first, a third of what a command costs."""
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    with suppress(ValueError, OSError):  # then the interpreter's own end says what it says
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    args = _serve(socket.socket(fileno=int(sys.argv[1])))
    if args is not None:
        sys.argv = ["publisher", *args]
        try:
            run_module("publisher", run_name="__main__", alter_sys=True)
        except SystemExit as ending:
            if ending.code is None or isinstance(ending.code, int):
                _end(ending.code or 0)
            raise
