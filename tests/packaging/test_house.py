"""The house stays one that a newcomer knows: small folders, and a class name that means one thing."""

import ast
from collections import defaultdict

from paths import ROOT

PACKAGE = ROOT / "publisher"
MOST = 15
"""Files in a folder, its __init__.py aside."""

ONE_FOR_EACH = ("publisher/cli", "publisher/stores/sql/migrations/versions")
"""Folders with a file for each command, or for each migration."""


def test_no_folder_has_more_files_than_a_look_takes_in() -> None:
    counts: defaultdict[str, int] = defaultdict(int)
    for top in ("publisher", "tests"):
        for file in (ROOT / top).rglob("*.py"):
            folder = file.parent.relative_to(ROOT).as_posix()
            counts[folder] += file.name != "__init__.py" and folder not in ONE_FOR_EACH
    assert {folder: count for folder, count in counts.items() if count > MOST} == {}


def test_a_class_name_has_one_meaning() -> None:
    where: defaultdict[str, list[str]] = defaultdict(list)
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                where[node.name].append(file.relative_to(ROOT).as_posix())
    assert {name: files for name, files in where.items() if len(files) > 1} == {}
