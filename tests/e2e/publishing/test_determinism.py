"""The same posts give the same public/, byte for byte: in another process, zone, language, order and year."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

EXAMPLE = ROOT / "examples/site"

HERE = {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
THERE = {"PYTHONHASHSEED": "4242", "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONUTF8": "1"}


def made(site: Any, at: str, **environ: str) -> dict[str, bytes]:
    site.publish(at, "--no-mail", **environ)
    return site.documents()  # type: ignore[no-any-return]  # the fixture has no type


@pytest.fixture
def twice(tmp_path: Path, same_site: Any) -> tuple[Any, Any]:
    """The example site, and a copy whose files came onto the disk in the other order."""
    shutil.copytree(EXAMPLE, tmp_path / "one")
    files = sorted((file for file in (tmp_path / "one").rglob("*") if file.is_file()), reverse=True)
    for file in files:
        target = tmp_path / "two" / file.relative_to(tmp_path / "one")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return same_site(tmp_path / "one"), same_site(tmp_path / "two")


def test_a_site_is_the_same_whoever_publishes_it_and_when(twice: tuple[Any, Any]) -> None:
    one, two = twice
    first = made(one, "2099-05-01T00:00:00Z", **HERE)
    second = made(two, "2100-11-11T11:11:11.111111Z", **THERE)
    assert len(first) > 10
    assert first.keys() == second.keys()
    assert [path for path in first if first[path] != second[path]] == []


def test_publishing_in_steps_ends_in_the_same_feeds(twice: tuple[Any, Any]) -> None:
    one, two = twice
    whole = made(one, "2099-05-01T00:00:00Z", **HERE)
    for at in ("2099-05-01T00:00:00Z", "2099-05-02T00:00:00Z"):
        stepped = made(two, at, **THERE)
    assert stepped == whole
    assert two.publish("2099-05-03T00:00:00Z", "--no-mail", **HERE) == "nothing new\n"
