"""Commands in the audit log: which are recorded, as what, and whether they succeeded."""

import sys
from collections.abc import Callable, Iterable
from typing import cast

import click

from publisher.app import App
from publisher.core.errors import PublisherError

UNRECORDED = frozenset({"run", "publish", "deliver", "bounce", "backup"})
"""Commands that timers and mail servers run. They are recorded with options, which a person gave."""


def record_at_end(app: App, say: Callable[[str], None]) -> None:
    """Records the command that runs in the audit log, once it has ended. Words with an address are left out:
    the row has the number of the subscriber.
    """
    context = click.get_current_context()
    path = context.command_path.split()[1:]
    given = {
        name: value
        for name, value in context.params.items()
        if value not in (None, False, (), "") and name not in ("site", "at", "as_json", "yes")
    }
    if not path or (path[-1] in UNRECORDED and len(path) == 1 and not given):
        return
    words = [word for value in given.values() for word in words_of(value)]
    addresses = [word for word in words if "@" in word]
    about = " ".join(word for word in words if word not in addresses and word != "True")
    if not app.store_size():
        return
    from publisher.app.audit import Act, local_user
    from publisher.core.site import AuditDoor

    began = Act(
        app, local_user(), AuditDoor.COMMAND, " ".join(path), about, addresses[0] if addresses else ""
    )

    def record() -> None:
        error = sys.exc_info()[1]
        done = error is None or (isinstance(error, SystemExit | click.exceptions.Exit) and not _code(error))
        try:
            began.ended(done=done)
        except PublisherError as why:
            if str(why) != str(error):  # else the command's own error says it
                say(f"warning: this is not in the audit log: {why}")

    context.call_on_close(record)


def words_of(value: object) -> list[str]:
    """The words of an option or argument, which may be repeated."""
    several = cast("Iterable[object]", value) if isinstance(value, tuple) else (value,)
    return [str(one) for one in several]


def _code(error: BaseException) -> int:
    """The exit code that an exception ends the process with."""
    code = getattr(error, "exit_code", getattr(error, "code", 0))
    return code if isinstance(code, int) else int(code is not None)
