"""Documents staged by threads: all of them when the block ends, or none."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from publisher.core.errors import OutputError
from publisher.services.feeds.documents import MAX_STAGED, Staging
from publisher.stores.files.public_folder import PublicDirectory

AT = datetime(2026, 10, 5, tzinfo=UTC)
PATHS = [f"p{n}/index.html" for n in range(3 * MAX_STAGED)]


def parts(folder: Path) -> list[Path]:
    return list(folder.glob("**/.*.part"))


def stage(folder: Path, documents: list[tuple[str, bytes]]) -> None:
    with Staging(PublicDirectory(folder)) as staging:
        for path, data in documents:
            staging.stage(path, data)


def test_every_document_is_staged_when_the_block_ends(tmp_path: Path) -> None:
    shelf = PublicDirectory(tmp_path)
    stage(tmp_path, [(path, path.encode() * 1000) for path in PATHS])
    for path in PATHS:
        shelf.place(path, AT)
        assert (tmp_path / path).read_bytes() == path.encode() * 1000
    assert not parts(tmp_path)


@pytest.mark.parametrize("bad", [0, MAX_STAGED, len(PATHS) - 1])
def test_one_that_cannot_be_staged_leaves_none(tmp_path: Path, bad: int) -> None:
    (tmp_path / PATHS[bad]).mkdir(parents=True)
    with pytest.raises(OutputError, match="is a folder"):
        stage(tmp_path, [(path, b"x" * 1000) for path in PATHS])
    assert not parts(tmp_path)
