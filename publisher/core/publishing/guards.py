"""Guards: what stops a publish until the author confirms it.

A feed that makes old posts look new cannot be taken back, because readers have seen it. So a plan that looks
like an accident (a folder that is not mounted, changed settings, a lost store) is reported, not carried out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

MAX_AT_ONCE, MISSING_SHARE = 5, 0.2
"""More than 5 and more than 20 % of the live posts missing at once: an accident, not a wish."""

CHURN_SHARE = 0.5
"""More than 5 and more than half of the live posts changed at once: settings, or a tool, not an author."""

EXAMPLES = 3
"""How many examples a stop gives."""


class Guard(StrEnum):
    """What is guarded against."""

    MISSING = "missing"
    CHURN = "churn"


REMEDIES = {
    Guard.MISSING: "mend the folder, or `publisher publish --force missing` withdraws them",
    Guard.CHURN: "`publisher publish --accept-new` if that is meant",
}
"""What to do about each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFileAnswers:
    """The author's answers about held files: the paths that are new posts, and those that are known posts
    under
    another name (new path -> old path)."""

    new: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])


NO_ANSWERS = HeldFileAnswers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why a plan is not carried out. `examples` are a few of the files it is about."""

    guard: Guard
    text: str
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} (such as {', '.join(self.examples)})" if self.examples else self.text


def remedies(stops: Sequence[Stop]) -> str:
    """What to do about them, in one line."""
    return "; ".join(REMEDIES[guard] for guard in dict.fromkeys(stop.guard for stop in stops))


def check_missing(live: int, away: Sequence[str], early: Sequence[str] = ()) -> tuple[Stop, ...]:
    """Stops if too many files of the `live` posts are missing (`away`), or were published and are now dated
    in the future (`early`).
    """
    if not is_mass_loss(live, len(away) + len(early)):
        return ()
    text = f"{len(away)} of {live} published posts are missing at once; is the folder whole?"
    if early:
        more = f" and {len(away)} are missing" if away else ""
        text = f"{len(early)} of {live} published posts are dated in the future{more}; is the clock right?"
    return (Stop(guard=Guard.MISSING, text=text, examples=tuple(sorted([*early, *away])[:EXAMPLES])),)


def check_churn(live: int, changed: Sequence[str]) -> tuple[Stop, ...]:
    """Stops if too many of the `live` posts would become updates at once (`changed`)."""
    number = len(changed)
    if number > MAX_AT_ONCE and number > live * CHURN_SHARE:
        text = (
            f"{number} of {live} published posts would become updates at once; "
            "did a setting change (posts.permalink, posts.profile)?"
        )
        return (Stop(guard=Guard.CHURN, text=text, examples=tuple(sorted(changed)[:EXAMPLES])),)
    return ()


def is_mass_loss(number: int, lost: int) -> bool:
    """Whether so many are lost that it must be an accident: many at once, or all of a small site, as when its
    folder is not mounted."""
    return (lost > MAX_AT_ONCE and lost > number * MISSING_SHARE) or 1 < lost == number


def check_authority(live: int, before: str, now: str) -> tuple[Stop, ...]:
    """Stops if ids of new posts and feeds would begin with another authority than those of the live posts."""
    if not live or not before or before == now:
        return ()
    text = (
        f'site.id_authority was "{before}" and is now "{now}": feeds get other ids, and so would '
        f'every post when the store is lost; write id_authority = "{before}" into publisher.toml'
    )
    return (Stop(guard=Guard.CHURN, text=text),)
