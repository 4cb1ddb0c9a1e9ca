"""Pages of listmonk's API, `GET /api/subscribers`, saved as JSON.

Unlike listmonk's CSV, they tell each subscriber's status on each list: "unconfirmed", "confirmed" or
"unsubscribed" (listmonk's models/subscribers.go and queries), and how the list asks: `optin` is "single" or
"double". A file holds a page, several pages one after another, a list of pages, or subscribers alone.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from publisher.core.errors import PublisherError, Refused, UsageError
from publisher.core.subscribers.import_providers import LISTMONK_PAGE_COLUMNS

_SPACE = re.compile(r"\s*")

FIX = "save the answers of /api/subscribers?list_id=N&per_page=1000&page=N as they are"


class ListmonkPages:
    """A file of saved pages, called `name` in errors. Its rows are read like those of a CSV file, once
    `list_id` names the list that they are about.
    """

    head = LISTMONK_PAGE_COLUMNS
    guessed = False

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.list_id: int | None = None
        self.total = 0
        self._subscribers: list[Mapping[str, object]] = []
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise PublisherError(name, f"cannot be read ({error.strerror})", "name a file") from None
        except UnicodeDecodeError as error:
            raise PublisherError(name, f"not a text file ({error})", FIX) from None
        for value in _json_values(text, name):
            self._add(value)

    def _add(self, value: object) -> None:
        """Adds the subscribers in a JSON value: a page, a list of either, or one subscriber."""
        if isinstance(value, list):
            for item in cast("list[object]", value):
                self._add(item)
            return
        fields = _object(value)
        if "results" in (page := _object(fields.get("data", value))):
            self.total = max(self.total, _integer(page.get("total")) or 0)
            self._add(page["results"] or [])
        elif "email" in fields:
            self._subscribers.append(fields)
        else:
            raise Refused(self.name, "JSON, but no page of listmonk's subscribers", FIX)

    def __len__(self) -> int:
        return len(self._subscribers)

    def lists(self) -> dict[int, str]:
        """The names of all lists in the file, by id."""
        found: dict[int, str] = {}
        for subscriber in self._subscribers:
            for one in _lists_of(subscriber):
                if (number := _integer(one.get("id"))) is not None:
                    found[number] = str(one.get("name", ""))
        return found

    def shared_lists(self) -> set[int] | None:
        """The ids of the lists that all its subscribers are on, leaving out those on no list at all; None if
        nobody is on any.
        """
        shared: set[int] | None = None
        for subscriber in self._subscribers:
            theirs = {
                number for one in _lists_of(subscriber) if (number := _integer(one.get("id"))) is not None
            }
            if theirs:
                shared = theirs if shared is None else shared & theirs
        return shared

    def rows(self) -> Iterator[tuple[int, Sequence[str]]]:
        """(number of the subscriber in the file, cells by `head`) of each subscriber."""
        for number, subscriber in enumerate(self._subscribers, 1):
            there = (one for one in _lists_of(subscriber) if _integer(one.get("id")) == self.list_id)
            subscription: Mapping[str, object] = next(there, {"subscription_status": "none"})
            word = str(subscription.get("subscription_status") or "")
            if word == "unconfirmed":
                word += " (double opt-in)" if subscription.get("optin") == "double" else " (single opt-in)"
            since = str(subscription.get("subscription_updated_at") or "")
            email, account = (str(subscriber.get(name) or "") for name in ("email", "status"))
            yield number, (email, account, word, since)


def choose_list(pages: Sequence[ListmonkPages], wanted: str) -> None:
    """Sets the list that pages are about: the one with the id or name `wanted`, or else the only one that all
    their subscribers are on. Raises UsageError.
    """
    names = {number: name for page in pages for number, name in page.lists().items()}
    shown = ", ".join(f"{number} ({name})" for number, name in sorted(names.items())) or "none"
    if wanted:
        found = [number for number, name in names.items() if wanted in (str(number), name)]
        if len(found) != 1:
            what = f"{'no list' if not found else 'more than one list'} is called {wanted!r}"
            raise UsageError("--from-list", what, f"the lists are: {shown}")
    else:
        shared = [lists for page in pages if (lists := page.shared_lists()) is not None]
        found = [*set[int].intersection(*shared)] if shared else []
        if shared and len(found) != 1:
            where = pages[0].name if len(pages) == 1 else "subscribers import"
            what = f"these subscribers are on several lists: {shown}"
            raise UsageError(where, what, "name the one to import with --from-list ID")
    for page in pages:
        page.list_id = found[0] if found else None


def missing_pages(pages: Sequence[ListmonkPages]) -> str:
    """What to say if listmonk counted more subscribers than the files hold; "" if it did not."""
    have, total = sum(map(len, pages)), max((page.total for page in pages), default=0)
    if have >= total:
        return ""
    return f"listmonk has {total:,} subscribers, and these pages hold {have:,}; save the other pages too"


def _json_values(text: str, name: str) -> Iterator[object]:
    """The JSON values in a text, one after another. Raises PublisherError."""
    decoder, position = json.JSONDecoder(), 0
    while (position := _SPACE.match(text, position).end()) < len(text):  # type: ignore[union-attr]  # always matches
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            line = text.count("\n", 0, getattr(error, "pos", position)) + 1
            what = f"not valid JSON ({getattr(error, 'msg', 'nested too deeply')})"
            raise PublisherError(f"{name}:{line}", what, FIX) from None
        yield value


def _object(value: object) -> Mapping[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _lists_of(subscriber: Mapping[str, object]) -> list[Mapping[str, object]]:
    found = subscriber.get("lists")
    return [_object(one) for one in cast("list[object]", found)] if isinstance(found, list) else []


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
