"""The errors that people see. Each is one line: `where: what is wrong (value); what to do`.

    PublisherError            exit code 1
    ├── SettingsError         publisher.toml or the environment has something we cannot use
    ├── SourceError           the folder of posts cannot be read at all
    ├── TemplateError         a template is missing or does not render
    │   └── LintError         it renders, but the lint found errors, so the mail must not be sent
    ├── StoreError            the store cannot be opened, is newer than this version, or changed meanwhile
    │   └── LogConflict       somebody else published or planned first: scan again
    ├── OutputError           public/, outbox/ or the state folder cannot be written
    ├── AddressError          not an email address we can deliver to
    ├── TokenError            a token that is not ours, is for another purpose, or was altered
    ├── Refused               the request is valid but must not be carried out (a reader left, a plan changed)
    │   └── ClockBehind       the clock is well behind the last entry, so nothing may be written
    └── UsageError            the command line asks for something that does not exist (exit code 2)

Expected outcomes (a bad post, a rejected delivery, a digest with nothing in it) are values, not errors.
"""


class PublisherError(Exception):
    """One line for a person: where, what, what to do."""

    exit_code = 1

    def __init__(self, where: str, what: str, do: str = "") -> None:
        self.where, self.what, self.do = where, what, do
        super().__init__(f"{where}: {what}" + (f"; {do}" if do else ""))


class SettingsError(PublisherError):
    """A setting is unknown, missing, of the wrong type or out of range."""


class SourceError(PublisherError):
    """The folder of posts is missing or unreadable; single bad files are `BadPost` values instead."""


class TemplateError(PublisherError):
    """A template is missing, or raised while rendering."""


class LintError(TemplateError):
    """A rendered mail with errors, which must not be sent. Its readers remain due; nothing is lost."""


class StoreError(PublisherError):
    """The store cannot be opened, is locked, damaged, or of another version."""


class LogConflict(StoreError):
    """The log changed between scanning and applying: scan again."""


class OutputError(PublisherError):
    """A folder we must write to is read-only, full or missing."""


class AddressError(PublisherError):
    """Not an address that mail can be delivered to (RFC 5321 4.1.2)."""


class TokenError(PublisherError):
    """A token that does not verify. Its text does not tell what was wrong: callers show 404."""


class Refused(PublisherError):
    """The request is valid but must not be carried out."""


class ClockBehind(Refused):
    """The clock shows a time well before the last entry of the log or the last mailing."""


class UsageError(PublisherError):
    """The command line names something that does not exist."""

    exit_code = 2
