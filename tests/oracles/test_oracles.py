"""Small blogs of every rule, as their real generators built them: titles, instants, addresses, links, words.

`make oracles` builds them again; here is what it wrote (expected.json), with the differences that are meant
(differs.json), against what the real code publishes.
"""

from pathlib import Path

import pytest
from oracles import compare, differs, sites


@pytest.mark.parametrize("folder", sites(), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_blog_is_published_as_its_generator_builds_it(folder: Path, tmp_path: Path) -> None:
    result = compare(folder, tmp_path)
    assert result.wrong == []
    assert result.stale == [], "these differences are none any more: take them out of differs.json"


def test_every_generator_has_small_blogs() -> None:
    generators = Path(__file__).parent / "generators"
    names = {file.stem for file in generators.glob("*.py")} - {"__init__", "node"}
    assert {folder.parent.name for folder in sites()} == names


def test_every_difference_that_is_meant_says_why() -> None:
    for folder in sites():
        for item in differs(folder):
            assert len(item["why"]) > 10, (folder, item)
