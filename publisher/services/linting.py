"""The lint on every mail that is about to go out: what it calls an error is not sent."""

from publisher.core.errors import Unfit
from publisher.core.headers import date_value
from publisher.core.lint import Letterhead, Problem, lint
from publisher.core.messages import Letter, Place, Segment, cut, fill
from publisher.services.parts import Parts

SAMPLE = "x" * 46
"""As long as a token; it stands for each of a reader's own values."""


def problems(parts: Parts, letter: Letter, segments: tuple[Segment, ...]) -> tuple[Problem, ...]:
    """What is wrong with the bytes that each reader of a cohort would get; a sample reader stands for all."""
    values = dict.fromkeys(Place, SAMPLE.encode())
    values |= {Place.TO: b"reader@example.org", Place.DATE: date_value(parts.clock())}
    unsubscribe = "".join(
        SAMPLE if isinstance(p, Place) else p for p in cut(letter.unsubscribe, letter.marks)
    )
    head = Letterhead(
        bulk=bool(letter.list_id), unsubscribe=unsubscribe, local=parts.transport.name == "outbox"
    )
    return lint(fill(segments, values), head)


def refuse_unfit(parts: Parts, what: str, letter: Letter, segments: tuple[Segment, ...]) -> None:
    """Raises Unfit for an error that the author has not overruled; `what` names the mail."""
    found = [p for p in problems(parts, letter, segments) if p.error and p.rule.value not in parts.forced]
    if not found:
        return
    first = "; ".join(map(str, found[:3])) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
    names = " ".join(f"--force {name}" for name in dict.fromkeys(p.rule.value for p in found))
    raise Unfit(what, f"not sent: {first}", f"mend it, or `publisher publish {names}`")
