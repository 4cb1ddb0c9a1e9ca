"""A folder of posts, made for any generator, read as its author meant it: file -> Parsed | BadPost.

    folder      which files, and their bytes          containers  where front matter ends, YAML, TOML, JSON
    reading     bytes -> Parsed | BadPost             yaml_text   YAML scalars as they were written
    dates       the forms of a date                   instants    where a post's date is looked for
    visibility  why a file is never public            places      slug, permalink, URL, image
    people      authors and languages                 words       plain text of titles and summaries
    rest        whether a file is still being written

A convention of posts is one row of a table or one small function in the file that bears its name.
"""

from publisher.sources.folder import FolderSource
from publisher.sources.rest import Rest
from publisher.sources.rules import SourceRules

__all__ = ["FolderSource", "Rest", "SourceRules"]
