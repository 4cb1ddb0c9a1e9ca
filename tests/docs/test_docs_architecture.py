"""What ARCHITECTURE.md and CONTRIBUTING.md name is there: paths, functions, tests, failpoints."""

import importlib
import re
from pathlib import Path

import pytest
from paths import ROOT

ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
PAGES = [ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
MAP = ARCHITECTURE.partition("## The rooms")[2].partition("\n## ")[0]
PROMISE = (ROOT / "docs/explanation/the-delivery-promise.md").read_text(encoding="utf-8")
ROOMS = r"core|ports|services|sources|markup|formats|rendering|stores|transports|config|web|cli|scheduler"


def named_paths(text: str) -> list[str]:
    """What stands in backticks and looks like a path of this repository."""
    folders = "publisher|templates|config|examples|tests|benchmarks|scripts|docs"
    return [found for found in re.findall(rf"`((?:{folders})/[^`<*{{ ]*)`", text) if "v0002" not in found]


def test_it_fits_on_two_screens() -> None:
    assert len(ARCHITECTURE.splitlines()) <= 132


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_path_a_page_names_exists(page: Path) -> None:
    made = {"docs/how-to/add-a-format.md": {"publisher/formats/titles.py"}}
    allowed = made.get(page.relative_to(ROOT).as_posix(), set())
    missing = [path for path in named_paths(page.read_text(encoding="utf-8")) if not (ROOT / path).exists()]
    assert set(missing) <= allowed


def test_every_room_is_on_the_map() -> None:
    tops = {p.name for p in (ROOT / "publisher").iterdir() if not p.name.startswith(("_", "."))}
    tops -= {"py.typed"}
    on_the_map = {
        path.removeprefix("publisher/").partition("/")[0] for path in named_paths(MAP + ARCHITECTURE)
    }
    assert tops <= on_the_map


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(rf"`((?:{ROOMS})(?:\.\w+)+)`", ARCHITECTURE.replace(".py`", "`"))))
)
def test_every_function_it_names_exists(name: str) -> None:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(["publisher", *parts[:cut]]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[cut:]:
            found = getattr(found, attribute)
        return
    raise AssertionError(name)


def test_every_invariant_names_a_test_that_exists() -> None:
    here = {
        name
        for file in ROOT.glob("tests/**/test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    for text in ARCHITECTURE.split("**Invariant:**")[1:]:
        named = re.findall(r"`(test_\w+)`", text.partition("\n\n")[0])
        assert named, text.partition("\n")[0]
        assert set(named) <= here
    assert set(re.findall(r"`(test_\w+)`", ARCHITECTURE)) <= here


def test_every_failpoint_of_the_services_is_drawn() -> None:
    services = ROOT / "publisher/services"
    reached = {
        step
        for file in services.rglob("*.py")
        for step in re.findall(r'failpoint\("([^"]+)"\)', file.read_text("utf-8"))
    }
    areas = "|".join({step.partition(":")[0] for step in reached} | {"deliver", "plan", "publish"})
    drawn = set(re.findall(rf"\b(?:{areas}):[a-z]+", PROMISE))
    assert drawn == reached
