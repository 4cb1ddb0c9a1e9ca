"""The files of a new site, for `publisher init`."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from publisher.config.settings import default_authority


def starter(
    templates: Path, *, title: str, url: str, now: datetime, timezone: str = "UTC"
) -> dict[str, bytes]:
    """The content of each file by its path in the site. `templates` is the packaged folder config/init;
    `url` an absolute URL; `now` aware: the newest of the two posts has this date.
    """
    values = {
        "title": _toml(title),
        "url": _toml(url),
        "timezone": _toml(timezone),
        "id_authority": _toml(default_authority(url)),
        "list_title": _toml(f"{title}, daily"),
        "sender": _toml(_sender(title, url)),
        "now": _date(now, timezone),
        "yesterday": _date(now - timedelta(days=1), timezone),
    }
    files = sorted(path for path in templates.rglob("*") if path.is_file())
    return {path.relative_to(templates).as_posix(): _filled(path, values) for path in files}


def _filled(path: Path, values: dict[str, str]) -> bytes:
    text = path.read_text(encoding="utf-8")
    return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), text).encode()


def _sender(title: str, url: str) -> str:
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    domain = host if re.search(r"\.[a-z][a-z0-9-]*$", host) else "example.org"
    return f"news@{domain}" if re.search(r'[<>"]', title) else f"{title} <news@{domain}>"


def _date(at: datetime, timezone: str) -> str:
    return at.astimezone(ZoneInfo(timezone)).isoformat(" ", "seconds")


def _toml(text: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
