"""A folder that is listed, and one of which nothing is known yet read, before anybody asks."""

from collections.abc import Iterator, Mapping, Sequence

from publisher.core.posts.post import BadPost, FileStat, Reading
from publisher.sources.rules import SourceRules


class Ahead:
    """What was listed, and the readings of `paths` by `rules` that are on their way; each is given once."""

    def __init__(
        self,
        listed: Iterator[FileStat | BadPost],
        paths: Sequence[str] = (),
        rules: SourceRules | None = None,
        readings: Iterator[Reading] | None = None,
    ) -> None:
        self._listed: Iterator[FileStat | BadPost] | None = listed
        self._paths, self._rules = paths, rules
        self._readings = readings

    def listed(self) -> Iterator[FileStat | BadPost] | None:
        """The files, for the first who asks."""
        listed, self._listed = self._listed, None
        return listed

    def of(
        self, paths: Sequence[str], rules: SourceRules, hashes: Mapping[str, str]
    ) -> Iterator[Reading] | None:
        """The readings, if they are those that are asked for."""
        if hashes or paths != self._paths or rules != self._rules:
            return None
        readings, self._readings = self._readings, None
        return readings

    def end(self) -> None:
        """Ends the processes whose readings nobody took."""
        if close := getattr(self._readings, "close", None):  # few files have no process of their own
            close()
