"""What the lint finds, and what it is told about a message."""

from dataclasses import dataclass
from enum import StrEnum


class LintRule(StrEnum):
    """A rule of the lint, by the name that `--force` and `--force-ok` take."""

    SIZE = "size"  # HTML so long that mailboxes hide its end, styles so long that they drop them
    CONTRAST = "contrast"  # text that is hard to read, in light or dark mode
    ALT = "alt"  # a picture without alternative text
    LINK = "link"  # a link that does not work from a mail
    PLACEHOLDER = "placeholder"  # what should have been filled in
    CLIENTS = "clients"  # styles that too few mail clients support
    CONTENT = "content"  # scripts, forms, external resources, control characters
    STRUCTURE = "structure"  # doctype, language, headings, tables, preheader
    HEADERS = "headers"  # what mail servers and mailboxes require of the header
    UNSUBSCRIBE = "unsubscribe"  # the unsubscribe link, in every part
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
    """What the lint must know about a message: `bulk` mail needs an unsubscribe link, `unsubscribe` is its
    URL; `local`: the mail stays on this machine, so addresses of this machine are no mistake.
    """

    bulk: bool
    unsubscribe: str = ""
    local: bool = False
