"""Where the project lies, and the real posts beside it where there are some."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
