"""The tags of a subscriber in one CSV cell, as other services write them."""

import csv
import json
from typing import cast


def tags_of(cell: str) -> list[str]:
    """The tags in a cell, separated by commas or semicolons, quoted or not (Mailchimp writes `"News","Art"`),
    or a JSON list. Empty ones are dropped.
    """
    text = cell.strip()
    if text.startswith("["):
        try:
            read: object = json.loads(text)
        except ValueError:
            read = None
        if isinstance(read, list):
            return [tag for item in cast("list[object]", read) if (tag := _name(item))]
    separator = ";" if ";" in text and not text.startswith('"') else ","
    rows = csv.reader([text.replace("\n", " ")], delimiter=separator, skipinitialspace=True)
    words: list[str] = next(rows, [""])
    return [word.strip() for word in words if word.strip()]


def _name(item: object) -> str:
    """A tag of a JSON list: a string, or an object with a name."""
    if isinstance(item, dict):
        item = cast("dict[str, object]", item).get("name", "")
    return str(item).strip()
