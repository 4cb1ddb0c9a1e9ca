"""Regular expressions that are compiled at their first use."""

import gc
import re
from importlib import import_module
from pkgutil import walk_packages

import pytest

import publisher
from publisher.core.caching import lazy


def test_a_lazy_pattern_does_what_a_compiled_one_does() -> None:
    late, now = lazy(r"(?P<word>b+)|c", re.IGNORECASE), re.compile(r"(?P<word>b+)|c", re.IGNORECASE)
    assert [match["word"] for match in late.finditer("aBbc")] == ["Bb", None]
    assert late.sub("-", "aBbc") == now.sub("-", "aBbc") == "a--"
    assert (late.pattern, late.flags, late.groupindex) == (now.pattern, now.flags, now.groupindex)
    assert lazy(rb"\d+").findall(b"1 22") == [b"1", b"22"]


def test_a_lazy_pattern_is_compiled_at_its_first_use_and_once() -> None:
    wrong = lazy("(")
    with pytest.raises(re.error):
        wrong.match("b")
    good = lazy("b")
    good.match("b")
    assert vars(good)["match"].__self__ == re.compile("b"), "the pattern's own method, which is as quick"


def test_every_lazy_pattern_of_the_program_compiles() -> None:
    for module in walk_packages(publisher.__path__, "publisher."):
        if not module.name.endswith("__main__") and ".migrations." not in module.name:
            import_module(module.name)
    gc.collect()
    kind = type(lazy(""))
    patterns = [it for it in gc.get_objects() if isinstance(it, kind)]
    assert len(patterns) > 100
    for pattern in patterns:
        assert pattern.groups >= 0, vars(pattern)
