"""Who imports what: core nothing but the standard library, and each third-party package through a door."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from paths import ROOT

PACKAGE = ROOT / "publisher"
BY_NAME = {
    "brotli": ("publisher.stores",),
    "cssutils": ("publisher.rendering",),
    "premailer": ("publisher.rendering",),
}
"""Imported by name, for want of types: import-linter does not see them."""


def imported(file: Path) -> Iterator[str]:
    """The modules a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide who imports whom"
            yield node.module or ""
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            given = [arg.values[0] if isinstance(arg, ast.JoinedStr) else arg for arg in node.args]
            by_name = [arg.value for arg in given if isinstance(arg, ast.Constant)]
            assert by_name or file.parent.name == "cli", f"{file}: only the command line may import any name"
            yield from map(str, by_name)


def test_core_imports_only_the_standard_library_and_itself() -> None:
    for file in (PACKAGE / "core").glob("**/*.py"):
        for name in imported(file):
            root = name.partition(".")[0]
            assert root in sys.stdlib_module_names or name.startswith("publisher.core"), f"{file}: {name}"


def test_core_neither_reads_a_clock_nor_logs_nor_touches_files() -> None:
    for file in (PACKAGE / "core").glob("**/*.py"):
        assert not {"logging", "os", "random", "secrets", "socket", "time"} & set(imported(file)), file
        calls = {
            ast.unparse(n.func) for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Call)
        }
        assert not {"datetime.now", "datetime.utcnow", "date.today", "open", "print"} & calls, file


def test_every_third_party_package_has_one_door() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    doors = BY_NAME | {
        package: tuple(contract["allowed_importers"])
        for contract in contracts
        for package in contract.get("protected_modules", [])
    }
    for file in PACKAGE.glob("**/*.py"):
        here = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for root in {name.partition(".")[0] for name in imported(file)} - sys.stdlib_module_names:
            assert root == "publisher" or here.startswith(doors[root]), f"{file} imports {root}"
