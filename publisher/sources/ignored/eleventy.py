"""Which files Eleventy never builds (src/EleventyFiles.js).

.eleventyignore, .gitignore      one glob a line, each from the folder of the file; "!" is not understood
eleventyConfig.ignores.add(".")  globs from the blog's root
setUseGitIgnore(false)           .gitignore is not read
dir, set...Directory             the folders of includes, layouts and data, and of the built site

What .gitignore keeps from Git reaches no site that is built from the repository: its patterns also count as
Git reads them (gitignore(5)).
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from publisher.core.patterns import lazy
from publisher.sources.globs import any_regex, glob_to_regex, matches_whole
from publisher.sources.ignored.paths import IgnorePatterns, IgnoreRule, OutsideFolders

MAX_LINES = 1_000
_IGNORES_ADD = lazy(r"""\bignores\s*\.\s*add\(\s*["'`]([^"'`$\n]+)["'`]\s*\)""")
_NO_GIT = lazy(r"\bsetUseGitIgnore\(\s*false\s*\)")
_DIR = lazy(r"\bdir\s*:\s*\{([^{}]{0,1000})\}")
_FOLDER_SETTING = lazy(r"""\b(includes|layouts|data|output)\s*:\s*["'`]([^"'`$\n]*)["'`]""")
_FOLDER_CALL = lazy(r"""\bset(Includes|Layouts|Data|Output)Directory\(\s*["'`]([^"'`$\n]*)["'`]""")
_DEFAULT_FOLDERS = {"includes": "_includes", "data": "_data", "output": "_site"}


@dataclass(frozen=True, slots=True)
class GitIgnore:
    """A .gitignore: each pattern as written, whether it is a "!" that takes files back, and its regular
    expression; the last pattern comes first.
    """

    patterns: tuple[tuple[str, bool, str], ...]

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why. What is in an ignored folder cannot be taken back."""
        if not self.patterns:
            return None
        folder, slash, _ = path.rpartition("/")
        return (ignored_with_folder(self.patterns, folder + "/") if slash else None) or last_match(
            self.patterns, path
        )


@lru_cache(maxsize=2_000)
def ignored_with_folder(patterns: tuple[tuple[str, bool, str], ...], folder: str) -> str | None:
    """Why the folder, or one above it, is ignored."""
    above = folder[:-1].rpartition("/")[0]
    return (ignored_with_folder(patterns, above + "/") if above else None) or last_match(patterns, folder)


def last_match(patterns: Sequence[tuple[str, bool, str]], place: str) -> str | None:
    """What the last of the patterns that match `place` says of it; `patterns` has the last one first."""
    some = any_regex(tuple(f"(?:{source})$" for _, _, source in patterns))
    if some is None or not some.match(place):
        return None
    found = next((item for item in patterns if matches_whole(item[2], place)), None)
    return f".gitignore: {found[0]}" if found and not found[1] else None


def ignore_files(content: str | None) -> tuple[str, ...]:
    """The files that list what is ignored; `content` is Eleventy's input folder."""
    return (".gitignore", ".eleventyignore", *([f"{content}/.eleventyignore"] if content else []))


def ignore_rules(config: str, content: str | None, texts: Mapping[str, str]) -> tuple[IgnoreRule, ...]:
    """What a configuration, and the files of `ignore_files` with these `texts`, leave out."""
    settings = {match[1].lower(): match[2] for match in _FOLDER_CALL.finditer(config)}
    if block := _DIR.search(config):
        settings = {match[1]: match[2] for match in _FOLDER_SETTING.finditer(block[1])} | settings
    pageless: list[str] = []  # folders that hold no pages, by their paths from the root
    for name, place in {**_DEFAULT_FOLDERS, **settings}.items():
        base = "" if name == "output" else content or ""
        folder = posixpath.normpath(posixpath.join(base, place)) if place else "."
        if folder not in (".", "") and not folder.startswith(".."):
            pageless.append(folder)
    found: list[IgnoreRule] = [OutsideFolders(tuple(pageless))]
    for name, text in texts.items():
        if name == ".gitignore" and _NO_GIT.search(config):
            continue
        lines = [line.strip() for line in islice(text.split("\n"), MAX_LINES)]
        globs = [line for line in lines if line and line[0] not in "#!"]
        found.append(anchored_patterns(name, globs, posixpath.dirname(name)))
        if name == ".gitignore":
            found.append(GitIgnore(tuple(reversed([*git_patterns(text)]))))
    return (*found, anchored_patterns("ignores", _IGNORES_ADD.findall(config), ""))


def anchored_patterns(name: str, globs: Sequence[str], folder: str) -> IgnorePatterns:
    """Globs of paths from `folder`, each of a file or of a folder with all that is in it."""
    below = re.escape(folder + "/") if folder else ""
    plain = [(glob, glob.removeprefix("./").strip("/")) for glob in globs]
    return IgnorePatterns(
        name, tuple((glob, f"^{below}(?:{glob_to_regex(text)})(?:/|$)") for glob, text in plain if text)
    )


def git_patterns(text: str) -> Iterator[tuple[str, bool, str]]:
    """The patterns of a .gitignore, as `GitIgnore` has them but in the file's order."""
    for line in islice(text.splitlines(), MAX_LINES):
        written = line if line.endswith("\\ ") else line.rstrip()
        back = written.startswith("!")
        pattern = written[1:] if back else written
        if not pattern or pattern.startswith("#"):
            continue
        folder = pattern.endswith("/")
        bare = pattern.rstrip("/")
        anchor = "" if "/" in bare else "(?:.*/)?"
        source = anchor + glob_to_regex(bare.lstrip("/"), braces=False)
        yield written, back, source + ("(?<=[^/])/" if folder else "(?<=[^/])/?")
