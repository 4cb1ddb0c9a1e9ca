"""The last settings that `publisher run` found good, kept for when those on the disk are bad."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from publisher.config import RawSettings, Settings, load_with_source
from publisher.core.errors import SettingsError
from publisher.stores.files import output_error, private_folder, write_all

SECRET_END = "__PASSWORD"  # noqa: S105  # how the names of such variables end
"""Variables with a secret are not kept: they come from the environment of the process."""


def file_of(folder: Path) -> Path:
    """Where the settings of the site in `folder` are kept. Only its owner may read it."""
    return folder / ".publisher" / "last-good.json"


def remember(folder: Path, text: str, environ: Mapping[str, str], templates: str) -> None:
    """Keeps the text of publisher.toml, the variables that count, and the name of the copy of the templates.
    Raises OutputError.
    """
    kept = {name: value for name, value in environ.items() if counts(name) and not name.endswith(SECRET_END)}
    data = json.dumps({"toml": text, "environ": kept, "templates": templates}, ensure_ascii=False).encode()
    file = file_of(folder)
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        if file.exists() and file.read_bytes() == data:
            return
        private_folder(file.parent)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(handle, data)
        finally:
            os.close(handle)
        draft.replace(file)
    except OSError as error:
        raise output_error(file, error) from error
    finally:
        draft.unlink(missing_ok=True)


def recall(
    folder: Path, environ: Mapping[str, str]
) -> tuple[Settings, RawSettings, Mapping[str, str], str, Path] | None:
    """The settings that were kept: read, what they were made of, their variables, the text of publisher.toml,
    and the folder of templates; None if there are none that this version can use.
    """
    try:
        kept: dict[str, Any] = json.loads(file_of(folder).read_bytes())
        text, variables = str(kept["toml"]), dict(kept["environ"])
        templates = folder.resolve() / ".publisher" / "templates" / str(kept["templates"])
        variables |= {name: environ[name] for name in environ if name.endswith(SECRET_END) and counts(name)}
        settings, source = load_with_source(folder, variables, text=text)
    except (OSError, ValueError, KeyError, TypeError, SettingsError):
        return None
    return settings, source, variables, text, templates


def counts(name: str) -> bool:
    """Whether a variable is a setting."""
    return name.startswith("PUBLISHER_") and "__" in name
