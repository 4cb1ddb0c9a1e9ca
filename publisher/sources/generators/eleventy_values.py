"""One data file of Eleventy's: JSON, or code of which what is written out is read and nothing run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from publisher.sources.frontmatter.values import COMPUTED, Value, fold, names, table
from publisher.sources.generators.detect import read_table, read_text
from publisher.sources.generators.eleventy import template_of
from publisher.sources.generators.js_literals import Code, exported, known

CODE = (".js", ".cjs", ".mjs", ".ts")
_TELLING = names("permalink tags author authors lang language locale date draft title slug categories")


@dataclass(frozen=True, slots=True)
class Data:
    """What a file says, keyed by values.fold; `whole` is False where it says more than was understood."""

    values: Mapping[str, Value]
    whole: bool = True


def read_data(file: Path) -> Data:
    """What `file` says; nothing where there is none. A permalink that a function makes is a template, or
    stays Code where it is not known; that of `eleventyComputed` is under COMPUTED.
    """
    if file.suffix not in CODE:
        return _settled(read_table(file), "")
    if not file.is_file():
        return Data({})
    text = read_text(file)
    top = exported(text)
    return Data({}, whole=False) if top is None else _settled({fold(key): top[key] for key in top}, text)


def _settled(top: dict[str, Value], text: str) -> Data:
    computed = table(top.pop("eleventycomputed", None))
    if "permalink" in computed:
        top[COMPUTED] = computed["permalink"]
    for name in ("permalink", COMPUTED):
        if isinstance(code := top.get(name), Code):
            made = template_of(code, text)
            top[name] = code if made is None else made
            if made == "":
                del top[name]
    whole = all(_is_known(top[name]) for name in (*_TELLING, COMPUTED) if name in top)
    links = ("permalink", COMPUTED)
    values = {
        name: value if name in links else known(value)
        for name, value in top.items()
        if name in links or not isinstance(value, Code)
    }
    return Data(values, whole)


def _is_known(value: Value) -> bool:
    if isinstance(value, (list, dict)):
        return all(map(_is_known, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, Code)
