"""Makes a new site from the packaged one, with a permanent id authority."""

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
    """The options of `init`; everything else is set in publisher.toml. `listen` is "" for the default."""

    title: str
    url: str
    timezone: str = "UTC"
    sender: str = ""
    listen: str = ""


def start_site(folder: Path, options: NewSiteOptions, now: datetime) -> None:
    """Makes a working site with two posts in `folder`. It is made elsewhere first, so that an invalid option
    leaves nothing behind. Raises Refused if there is a site already, UsageError for an invalid option,
    OutputError.
    """
    values = placeholder_values(options, now)
    with tempfile.TemporaryDirectory() as elsewhere:
        made = Path(elsewhere) / (folder.name or "site")
        copy_site(packaged("config") / "init", made)
        for file in (made / "publisher.toml", *(made / "posts").glob("*.md")):
            text = file.read_text(encoding="utf-8")
            filled = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)
            file.write_text(filled, encoding="utf-8")
        if options.listen:
            with (made / "publisher.toml").open("a", encoding="utf-8") as settings:
                settings.write(f"\n[web]\nlisten = {json.dumps(options.listen)}\n")
        try:
            load(made, {})
        except SettingsError as error:
            raise UsageError("init", error.what, error.do) from None
        copy_site(made, folder)


def placeholder_values(options: NewSiteOptions, now: datetime) -> dict[str, str]:
    """The values for the {names} in the packaged files, quoted for publisher.toml where they are used
    there.
    """
    address = options.sender or "news@example.org"
    authority = f"{default_authority(options.url).partition(',')[0]},{now:%Y}"
    quoted = {
        "title": options.title,
        "url": options.url,
        "timezone": options.timezone,
        "list_title": options.title,
        "sender": address if set(options.title) & set('<>"\\,') else f"{options.title} <{address}>",
        "id_authority": authority,
    }
    values = {name: json.dumps(value, ensure_ascii=False) for name, value in quoted.items()}
    values["now"] = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    values["today"] = f"{now:%Y-%m-%d}"
    values["yesterday"] = f"{now - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    return values


def start_example(folder: Path) -> None:
    """Copies the example site to `folder`. Raises Refused if there is a site already, OutputError."""
    copy_site(packaged("example"), folder)


def copy_site(source: Path, folder: Path) -> None:
    """Copies the files that `folder` does not have yet. Raises Refused if it has a site already,
    OutputError.
    """
    if (folder / "publisher.toml").exists():
        raise Refused(str(folder), "there is a publisher.toml already", "edit it, or choose another folder")
    try:
        shutil.copytree(source, folder, dirs_exist_ok=True, copy_function=copy_if_new)
    except (OSError, shutil.Error) as error:
        what = getattr(error, "strerror", None) or "some files were refused"
        raise OutputError(str(folder), f"cannot be written ({what})", "choose another folder") from None


def copy_if_new(source: str, target: str) -> str:
    """Keeps existing files: a folder of posts may be older than the site."""
    if Path(target).exists():
        return target
    return str(shutil.copyfile(source, target))
