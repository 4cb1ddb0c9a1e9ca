"""Front matter that files need not write, because settings or a configuration give it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from publisher.sources.frontmatter.values import Value, fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Front matter that files under `scope` need not write: a folder or pattern from the blog's root; "" is
    all. `values` is keyed by values.fold.
    """

    scope: str = ""
    values: Mapping[str, Value]


def front_matter_defaults(values: Mapping[str, Any]) -> tuple[Defaults, ...]:
    """The defaults from settings, for every file: keys as written, scalars as text."""
    return (Defaults(values={fold(key): value for key, value in values.items()}),) if values else ()
