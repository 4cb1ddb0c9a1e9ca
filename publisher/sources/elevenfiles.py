"""One data file of Eleventy's: JSON, or code of which what is written out is read and nothing run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from publisher.sources.configs import read_table, read_text
from publisher.sources.eleventy import template_of
from publisher.sources.scripts import Code, exported, known
from publisher.sources.values import Value, fold, names, table

CODE = (".js", ".cjs", ".mjs", ".ts")
_TELLING = names("permalink tags author authors lang language locale date draft title slug categories")


@dataclass(frozen=True, slots=True)
class Data:
    """What a file says, keyed by values.fold; `whole` is False where it says more than was understood."""

    values: Mapping[str, Value]
    whole: bool = True


def read_data(file: Path) -> Data:
    """What `file` says; nothing where there is none. Of `eleventyComputed` a permalink is taken, which a
    function may make as far as it is one template.
    """
    if file.suffix not in CODE:
        return _settled(read_table(file))
    if not file.is_file():
        return Data({})
    top = exported(read_text(file))
    return Data({}, whole=False) if top is None else _settled({fold(key): top[key] for key in top})


def _settled(top: dict[str, Value]) -> Data:
    computed = table(top.pop("eleventycomputed", None))
    link = computed.get("permalink", top.get("permalink"))
    if isinstance(link, Code):
        link = template_of(link) or link
    if link is not None:
        top["permalink"] = link
    whole = all(_is_known(top[name]) for name in _TELLING & top.keys())
    return Data({name: known(value) for name, value in top.items() if not isinstance(value, Code)}, whole)


def _is_known(value: Value) -> bool:
    if isinstance(value, (list, dict)):
        return all(map(_is_known, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, Code)
