"""The store's own closed sets."""

from enum import StrEnum

EVERYWHERE = ""
"""The `list` of a suppression that holds on every list."""


class Suppression(StrEnum):
    """Why an address gets no mail. LEFT and ERASED are lifted by the reader's own confirmation only."""

    LEFT = "left"
    ERASED = "erased"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    OPERATOR = "operator"


LIFTED_BY_READER = frozenset({Suppression.LEFT, Suppression.ERASED})
BLOCKS_ALWAYS = frozenset(Suppression) - LIFTED_BY_READER


class BatchState(StrEnum):
    """Where a batch stands: waiting for its time, held by a run, over; over, and its rows folded away."""

    OPEN = "open"
    LEASED = "leased"
    DONE = "done"
    FOLDED = "folded"


NOT_OVER = (BatchState.OPEN, BatchState.LEASED)
