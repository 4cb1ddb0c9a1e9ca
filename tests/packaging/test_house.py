"""The house stays one that a newcomer knows: small folders, no circles, a class name that means one thing."""

import ast
from collections import defaultdict
from pathlib import Path

from paths import ROOT

PACKAGE = ROOT / "publisher"
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in PACKAGE.rglob("*.py")
}
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


def imports_of(file: Path) -> set[str]:
    """The modules of ours that a file imports anywhere in it: also lazily, or for types only."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("publisher"):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in MODULES else str(node.module))
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {name: imports_of(file) - {name} for name, file in MODULES.items()}
    while free := {name for name, needs in graph.items() if not needs & graph.keys()}:
        graph = {name: needs - free for name, needs in graph.items() if name not in free}
    assert graph == {}, "each of these is in a circle, or needs a module that is"


def test_migrations_are_one_chain() -> None:
    """Two that took the same number would make every `publisher migrate` fail."""
    numbers: list[str] = []
    for file in sorted((PACKAGE / "stores/sql/migrations/versions").glob("v*.py")):
        names = dict.fromkeys(("revision", "down_revision"))
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                names[ast.unparse(node.targets[0])] = node.value.value
        assert names["revision"] == file.name[1:5]
        assert names["down_revision"] == (numbers[-1] if numbers else None), file.name
        numbers.append(str(names["revision"]))
