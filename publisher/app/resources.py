"""What ships with Publisher: templates, the default settings, the example site."""

from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def packaged(name: str) -> Path:
    """A folder that ships with Publisher: inside the package when installed, beside it in a checkout."""
    inside = PACKAGE / "_data" / name
    return inside if inside.is_dir() else PACKAGE.parent / _BESIDE.get(name, name)


_BESIDE = {"example": "examples/site"}
