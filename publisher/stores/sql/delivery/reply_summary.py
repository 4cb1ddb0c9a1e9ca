"""What servers said of a mailing's deliveries: counted from the ledger, and kept when rows are folded."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, func, or_

from publisher.core.delivery.mailing import ASSUMED, FROM_LOG, State
from publisher.stores.sql.schema.tables import deliveries

SHOWN, KEPT = 20, 100
"""How many different replies of a mailing are shown, and kept of what is folded."""

OTHERS = "(other words)"
"""What is beyond those kept."""

_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:=]+@(?=[\w\[-])")


@dataclass(frozen=True, slots=True)
class Replies:
    """`refused` are the words of all but a server's acceptances, and how often. Acceptances, each with a
    number of its own, are one: how many, and the first and the last of them in order, which tell what they
    have in common.
    """

    refused: Mapping[str, int] = field(default_factory=dict[str, int])
    accepted: int = 0
    least: str = ""
    most: str = ""

    def __add__(self, other: "Replies") -> "Replies":
        some = [replies for replies in (self, other) if replies.accepted]
        return Replies(
            refused=Counter(self.refused) + Counter(other.refused),
            accepted=self.accepted + other.accepted,
            least=min((replies.least for replies in some), default=""),
            most=max((replies.most for replies in some), default=""),
        )

    def shown(self) -> Sequence[tuple[str, int]]:
        """Most frequent first."""
        found = dict(self.refused)
        if self.accepted:
            common = _in_common(self.least, self.most)
            found[common] = found.get(common, 0) + self.accepted
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN]

    def kept(self) -> "Replies":
        """The same without the addresses of readers, and not too many."""
        words = Counter[str]()
        for reply, number in self.refused.items():
            words[_ADDRESS.sub("...@", reply)] += number
        others = words.pop(OTHERS, 0)
        most = dict(sorted(words.items(), key=lambda pair: (-pair[1], pair[0]))[:KEPT])
        others += words.total() - sum(most.values())
        return Replies(most | ({OTHERS: others} if others else {}), self.accepted, self.least, self.most)

    def as_json(self) -> list[Any]:
        """As a value that JSON has, and `Replies(*value)` reads."""
        return [dict(self.refused), self.accepted, self.least, self.most]


def replies_of(connection: Connection, rows: Select[Any], *, most: int | None = None) -> dict[int, Replies]:
    """By mailing, of the rows of the ledger that a `select()` names; of refusals the `most` frequent."""
    number, words = func.count(), deliveries.c.reply
    rows = rows.where(words != "").group_by(deliveries.c.mailing)
    rows = rows.with_only_columns(deliveries.c.mailing, maintain_column_froms=True)
    taken = (deliveries.c.state == State.ACCEPTED) & ~or_(words.startswith(ASSUMED), words == FROM_LOG)
    found: dict[int, Replies] = {}
    for row in connection.execute(rows.where(taken).add_columns(number, func.min(words), func.max(words))):
        found[row[0]] = Replies({}, *row[1:])
    refused: dict[int, dict[str, int]] = {}
    refusals = rows.where(~taken).group_by(words).add_columns(words, number)
    refusals = refusals.order_by(number.desc(), words).limit(most)
    for mailing, reply, times in connection.execute(refusals):
        refused.setdefault(mailing, {})[reply] = times
    for mailing, counted in refused.items():
        found[mailing] = found.get(mailing, Replies()) + Replies(counted)
    return found


def _in_common(least: str, most: str) -> str:
    """What replies share, of which these are the first and the last in order."""
    differ = (n for n, (one, other) in enumerate(zip(least, most, strict=False)) if one != other)
    shared = least[: next(differ, min(len(least), len(most)))]
    return least if least == most else f"{shared.rpartition(' ')[0]} ..."
