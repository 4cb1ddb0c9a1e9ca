"""What the lint finds, and the names by which an author may overrule it."""

from dataclasses import dataclass
from enum import StrEnum


class LintRule(StrEnum):
    """A rule of the lint: the name that `--force` and `--force-ok` take."""

    SIZE = "size"  # HTML that a mailbox hides the end of, styles that it drops
    CONTRAST = "contrast"  # words that cannot be read, in light or in the dark
    ALT = "alt"  # a picture without words
    LINK = "link"  # a link that is dead where it arrives
    PLACEHOLDER = "placeholder"  # what should have been filled in
    CLIENTS = "clients"  # styles that too few mail programs know
    CONTENT = "content"  # scripts, forms, what is loaded from elsewhere, control characters
    STRUCTURE = "structure"  # doctype, language, headings, tables, preheader
    HEADERS = "headers"  # what mail servers and mailboxes ask of the head of a message
    UNSUBSCRIBE = "unsubscribe"  # the way out, in every part
    TEXT = "text"  # the text part


@dataclass(frozen=True, slots=True, kw_only=True)
class LintProblem:
    """One finding. `where` is "headers", "subject", "html" or "text"; an `error` stops the send."""

    rule: LintRule
    where: str
    what: str
    error: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what} [{self.rule.value}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What the lint must know of a message: `bulk` mail needs a way out, `unsubscribe` is its URL; `local`:
    addresses of this machine are no mistake, for the mail stays here.
    """

    bulk: bool
    unsubscribe: str = ""
    local: bool = False
