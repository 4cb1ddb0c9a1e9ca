"""An empty store, made once in a process and copied: making its tables takes longer than most tests."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from publisher.ports import Store
from publisher.stores import open_store

_FOLDER = tempfile.TemporaryDirectory()


def new_store(file: Path) -> Store:
    """A store in `file`, which is not there yet."""
    shutil.copy(_empty(), file)
    return open_store(f"sqlite:///{file}", create=False)


@cache
def _empty() -> Path:
    file = Path(_FOLDER.name) / "empty.db"
    open_store(f"sqlite:///{file}", create=True).close()
    return file
