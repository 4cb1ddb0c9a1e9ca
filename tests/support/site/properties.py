"""How many examples a property of Hypothesis is tried on: by default at most a hundred, thousands in a soak.

Most properties say nothing and get what the profile has (tests/conftest.py). One whose examples are slow says
`@settings(max_examples=examples(20))`.
"""

from hypothesis import settings

USUAL, LONG = 100, 3_000


def examples(usual: int, long: int = LONG) -> int:
    """`usual`; in a soak `long`."""
    assert settings.default is not None
    return long if settings.default.max_examples == LONG else min(usual, USUAL)
