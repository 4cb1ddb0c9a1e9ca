"""A site whose store is in PostgreSQL, at work: the trials' bench, with connections and the server cut under
it, and what the commands say that only a file allows.
"""

import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import postgres
import psycopg
import pytest
from smtp_server import Slow, SmtpServer, on
from trial import BASE, READERS, Bench, toml

PASSWORD = "a word that nothing shows"  # of a user that is made here


@pytest.fixture
def database() -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture
def site(database: str, tmp_path: Path, new_site: Any) -> Any:
    made = new_site(tmp_path / "site")
    made.settings(toml({**BASE, "mail.relays.port": 25, "store.url": database}))
    (made.folder / "password").write_text("old")
    (made.folder / "password").chmod(0o600)
    made.post("old.md", "---\ntitle: Old\ndate: 2024-05-01\n---\nWords of old.\n")
    made.run("publish")
    (made.folder / "readers.csv").write_text("email\n" + "\n".join(READERS) + "\n")
    made.run("subscribers", "import", str(made.folder / "readers.csv"), "--list", "daily", "--confirmed")
    return made


@pytest.mark.soak
def test_a_service_goes_on_when_its_connections_are_cut_and_after_a_kill(
    site: Any, database: str, running_site: Any
) -> None:
    with SmtpServer(on("dot", Slow(0.02)), users={"me": "old"}) as relay:
        bench = Bench(site, relay, running_site, **{"store.url": database})
        try:
            bench.news("one")
            for number in range(3):
                bench.wait(lambda: postgres.cut(database) > 0, "connections are cut")
                bench.news(f"after a cut {number}")
            name = database.rpartition("/")[2]
            postgres.admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            postgres.cut(database)
            page = re.search(rb"http[^\s>]*(/unsubscribe/[^\s>]+)", relay.accepted[0].data)
            assert page is not None
            link = page[1].decode()
            answer = bench.get(link)
            assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
            assert bench.get("/feed.atom").status_code == 200
            postgres.admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            bench.wait(lambda: bench.get(link).status_code == 200, "the reader's page is back")
            bench.news("after it was gone")
            with bench.unasked():
                assert bench.down(signal.SIGKILL) == -signal.SIGKILL
                bench.up()
            bench.unknown = 4
            bench.end(allows=(503,))
        finally:
            bench.kill()


def test_what_copies_a_file_is_refused_and_no_message_shows_the_password(site: Any, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        [(name,)] = connection.execute("SELECT 'reader_of_' || current_database()").fetchall()
        connection.execute(f"CREATE ROLE {name} LOGIN SUPERUSER PASSWORD '{PASSWORD}'".encode())
    try:
        place = re.sub("postgres@", f"{name}@", database)
        shown = "postgresql://" + database.rpartition("@")[2]
        (site.folder / "store-password").write_text(PASSWORD + "\n")
        (site.folder / "store-password").chmod(0o600)
        site.settings(toml({**BASE, "store.url": place, "store.password_file": "store-password"}))
        said = site.run("status", "-vv")
        said = said.stdout + said.stderr
        for words in (["backup", "x"], ["simulate", "--to", "2100-01-01"]):
            refused = site.run(*words, code=1).stderr
            expected = (
                f"publisher: {shown}: this command works on SQLite files, and the store is in PostgreSQL; "
            )
            assert refused.startswith(expected)
            said += refused
        (site.folder / "store-password").write_text("another word\n")
        said += site.run("status", code=1).stderr
        assert "PostgreSQL does not let Publisher in (password authentication failed" in said
        assert PASSWORD not in said
        assert "another word" not in said
        assert name not in said.replace(f'for user "{name}"', "")
    finally:
        postgres.admin(f"DROP ROLE {name}")


def test_a_dump_that_was_restored_mails_nobody_twice_and_nobody_who_left(
    site: Any, database: str, tmp_path: Path
) -> None:
    programs, dump = postgres.programs(), tmp_path / "publisher.dump"
    assert programs is not None
    site.settings(toml({**BASE, "mail.transport": "outbox", "store.url": database}))
    subprocess.run([programs / "pg_dump", "--format=custom", f"--file={dump}", database], check=True)
    site.post("news.md", f"---\ntitle: News\ndate: {datetime.now(UTC).isoformat()}\n---\nWords of news.\n")
    site.run("publish")
    assert sorted(mail["To"] for mail in site.mails()) == sorted(READERS)
    site.run("subscribers", "unsubscribe", READERS[0])

    postgres.cut(database)
    name = database.rpartition("/")[2]
    postgres.admin(f"DROP DATABASE {name} WITH (FORCE)")
    postgres.admin(f"CREATE DATABASE {name} TEMPLATE template0")
    subprocess.run([programs / "pg_restore", "--no-owner", f"--dbname={database}", dump], check=True)
    assert "is behind the journal beside it" in site.run("publish", code=1).stderr
    site.run("reconcile")
    site.run("publish")
    site.run("deliver")
    assert len(site.mails()) == len(READERS)
    states = {row["address"]: row["state"] for row in site.json("subscribers", "list")}
    assert states == dict.fromkeys(READERS, "active") | {READERS[0]: "unsubscribed"}
