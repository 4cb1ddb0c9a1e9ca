"""A disk that fills up under `publisher run`: that of the store, of public/ or of the outbox.

Feeds are served all the time, and whoever leaves is told that they have left, or to come back. What cannot go
on is named once, and goes on by itself when there is space.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from trial import READERS, Bench, Trial, write_post

SIZE = "16m"


@contextmanager
def disk(bench: Bench, folder: Path) -> Iterator[Path]:
    """The folder on a disk of its own, while the service is down; the test is skipped where that is not
    allowed. Yields a file that fills the disk.
    """
    aside = folder.with_name(f"{folder.name}.aside")
    with bench.unasked():
        assert bench.down() == 0
        folder.mkdir(exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(folder)]
        shutil.copytree(folder, aside)
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            bench.up()
            pytest.skip("only root may mount, and not everywhere")
        shutil.copytree(aside, folder, dirs_exist_ok=True, copy_function=shutil.copy2)
        shutil.rmtree(aside)
        bench.up()
    try:
        yield folder / "fills-the-disk"
    finally:
        with bench.unasked():
            if bench.server.process.poll() is None:
                bench.down()
            shutil.copytree(folder, aside)
            subprocess.run(["umount", "-l", str(folder)], check=True)
            shutil.copytree(aside, folder, dirs_exist_ok=True)
            shutil.rmtree(aside)
            bench.up()


def fill(file: Path) -> None:
    """Writes until nothing more fits."""
    with suppress(OSError), file.open("wb", buffering=0) as target:
        while target.write(bytes(4096)):
            pass


def one_click(bench: Bench, reader: str) -> httpx.Response:
    """What a mail program does: a POST to the link in the newest mail that the reader has."""
    mails = [it.data.decode() for it in bench.relay.accepted if it.rcpt_to == reader]
    link = re.search(r"List-Unsubscribe: <[^>]*(/unsubscribe/[^>]+)>", re.sub(r"\r\n[ \t]", "", mails[-1]))
    assert link is not None
    return httpx.post(
        bench.server.url + link[1], data={"List-Unsubscribe": "One-Click"}, trust_env=False, timeout=60
    )


def state_of(bench: Bench, reader: str) -> str:
    [found] = bench.site.json("subscribers", "show", reader)["subscriptions"]
    return str(found["state"])


def called(bench: Bench, fault: str) -> list[str]:
    """The lines of the log in which a fault begins or ends."""
    return [line for line in bench.log if line.startswith(f"error {fault} ") or f" fault={fault} " in line]


def full_and_free(bench: Bench, filler: Path, *, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Fills the disk, publishes a post, and frees the disk, while everything else goes on."""
    bench.news("before")
    fill(filler)
    write_post(bench, "full")
    bench.wait(lambda: any("the disk is full" in it for it in bench.problems()), "status names it")
    assert "disk: " in bench.get("/readyz").text
    bench.wait(lambda: called(bench, "disk_full"), "the log names it")
    meanwhile()
    filler.unlink()
    bench.wait(lambda: "full" in bench.titles(), "it is published")
    bench.wait(lambda: bench.problems() == [], "nothing is wrong")
    bench.wait(lambda: len(called(bench, "disk_full")) == 2, "the log says that it is over")
    assert "disk: " not in bench.get("/readyz").text


@pytest.mark.soak
def test_the_disk_of_the_store_is_full_for_a_while(bench: Any) -> None:
    at_work: Bench = bench(Trial("", "", []))
    gone: list[str] = []

    def leave() -> None:
        for reader in READERS[1:]:
            answer = one_click(at_work, reader)
            assert answer.status_code in (200, 503), answer.text
            assert (answer.status_code == 200) is ("unsubscribed" in answer.text), answer.text
            gone.extend([reader] if answer.status_code == 200 else [])
        at_work.wait(lambda: called(at_work, "heartbeat_failed"), "the heart cannot beat")

    with disk(at_work, at_work.path(".publisher")) as filler:
        full_and_free(at_work, filler, meanwhile=leave)
        at_work.wait(lambda: READERS[0] in at_work.copies("full"), "it is mailed")
        assert not set(gone) & at_work.copies("full").keys()
        assert {state_of(at_work, reader) for reader in gone} == {"unsubscribed"}
        assert one_click(at_work, READERS[2]).status_code == 200
        at_work.wait(lambda: len(called(at_work, "heartbeat_failed")) == 2, "it beats again")
    for fault in ("tick_failed", "heartbeat_failed", "not_served"):
        assert len({*called(at_work, fault)}) == len(called(at_work, fault)), at_work.log
    at_work.end(works=False)


@pytest.mark.soak
def test_the_disk_of_the_documents_is_full_for_a_while(bench: Any) -> None:
    at_work: Bench = bench(Trial("", "", []))
    with disk(at_work, at_work.site.public) as filler:
        full_and_free(at_work, filler, meanwhile=lambda: one_click(at_work, READERS[2]).raise_for_status())
        at_work.wait(lambda: set(READERS[:2]) == at_work.copies("full").keys(), "it is mailed")
    at_work.end(works=False)


def waits(bench: Bench) -> None:
    """The mailing waits, and none of its messages has lost an attempt."""
    bench.wait(lambda: "no space left on device" in bench.site.run("status").stdout, "status says why")
    [newest, *_] = bench.site.json("mailings", "list")
    assert newest["counts"] == {"queued": 3} | dict.fromkeys(set(newest["counts"]) - {"queued"}, 0)


@pytest.mark.soak
def test_the_disk_of_the_outbox_is_full_for_a_while(bench: Any) -> None:
    at_work: Bench = bench(Trial("", "", []))
    at_work.values["mail.transport"] = "outbox"
    at_work.write()
    with disk(at_work, at_work.site.outbox) as filler:
        full_and_free(at_work, filler, meanwhile=lambda: waits(at_work))
        at_work.wait(lambda: set(READERS) == at_work.copies("full").keys(), "it is mailed")
    at_work.end()
