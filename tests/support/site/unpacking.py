"""Archives that tests keep or are given, unpacked."""

import tarfile
from pathlib import Path


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a tar file into `folder`, by the filter for data where Python has it (3.11.4 and newer)."""
    with tarfile.open(archive) as opened:
        opened.extraction_filter = getattr(tarfile, "data_filter", None)
        opened.extractall(folder)  # noqa: S202  # archives of our own
