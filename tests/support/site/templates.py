"""Jinja templates compiled once in a process, however many sites its tests open.

Each is known by its file and its source, so one that a test overrides or edits is compiled anew.
"""

from functools import partial
from pathlib import Path

from jinja2.bccache import Bucket, BytecodeCache

from publisher.app import packaged
from publisher.rendering import templates
from publisher.rendering.template_limits import BoundedEnvironment


class _Compiled(BytecodeCache):
    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], object] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key, bucket.checksum] = bucket.code


def keep_compiled() -> None:
    """From now on, for all sites of this process."""
    usual = partial(BoundedEnvironment, bytecode_cache=_Compiled())
    templates.BoundedEnvironment = usual  # type: ignore[misc, assignment]  # the same, but quicker


def compile_all() -> None:
    """The templates that come with Publisher."""
    folder: Path = packaged("templates")
    site = templates.Templates([folder])
    for file in folder.rglob("*.*"):
        if file.suffix in {".html", ".txt", ".css"}:
            site.ready(file.relative_to(folder).as_posix())
