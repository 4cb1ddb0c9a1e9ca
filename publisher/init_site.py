"""A new site: copied from the packaged one, with the id authority written down for good."""

import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from publisher.app import packaged
from publisher.config import default_authority, load
from publisher.core.errors import OutputError, Refused, SettingsError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSiteOptions:
    """What the author of a new site may say at once; the rest is in publisher.toml."""

    title: str
    url: str
    timezone: str = "UTC"
    sender: str = ""


def start_site(folder: Path, wishes: NewSiteOptions, now: datetime) -> None:
    """A working site with two posts in `folder`. Raises Refused when there is one already, UsageError for a
    wish that is no setting, OutputError. It is made elsewhere first: a wrong wish leaves nothing behind.
    """
    values = _values(wishes, now)
    with tempfile.TemporaryDirectory() as elsewhere:
        made = Path(elsewhere) / (folder.name or "site")
        _copy(packaged("config") / "init", made)
        for file in (made / "publisher.toml", *(made / "posts").glob("*.md")):
            text = file.read_text(encoding="utf-8")
            filled = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)
            file.write_text(filled, encoding="utf-8")
        try:
            load(made, {})
        except SettingsError as error:
            raise UsageError("init", error.what, error.do) from None
        _copy(made, folder)


def _values(wishes: NewSiteOptions, now: datetime) -> dict[str, str]:
    """What stands for each {name} in the packaged files; those in publisher.toml as TOML strings."""
    address = wishes.sender or "news@example.org"
    authority = f"{default_authority(wishes.url).partition(',')[0]},{now:%Y}"
    quoted = {
        "title": wishes.title,
        "url": wishes.url,
        "timezone": wishes.timezone,
        "list_title": wishes.title,
        "sender": address if set(wishes.title) & set('<>"\\,') else f"{wishes.title} <{address}>",
        "id_authority": authority,
    }
    values = {name: json.dumps(value, ensure_ascii=False) for name, value in quoted.items()}
    values["now"] = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    values["today"] = f"{now:%Y-%m-%d}"
    values["yesterday"] = f"{now - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    return values


def start_example(folder: Path) -> None:
    """The example site in `folder`. Raises Refused when there is a site already, OutputError."""
    _copy(packaged("example"), folder)


def _copy(source: Path, folder: Path) -> None:
    if (folder / "publisher.toml").exists():
        raise Refused(str(folder), "there is a publisher.toml already", "edit it, or choose another folder")
    try:
        shutil.copytree(source, folder, dirs_exist_ok=True, copy_function=_copy_new)
    except (OSError, shutil.Error) as error:
        what = getattr(error, "strerror", None) or "some files were refused"
        raise OutputError(str(folder), f"cannot be written ({what})", "choose another folder") from None


def _copy_new(source: str, target: str) -> str:
    """What is there already stays: a folder of posts may exist before the site does."""
    if Path(target).exists():
        return target
    return str(shutil.copyfile(source, target))
