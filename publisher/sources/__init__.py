"""A folder of posts, made for any generator, read as its author meant it: file -> Parsed | BadPost.

    folder        which files, and their bytes           reading     bytes -> Parsed | BadPost
    surroundings  what the blog's own files decide       configs     generators' configuration, never run
    profiles      how each generator reads and places    containers  where front matter ends, YAML, TOML, JSON
    headers       Pelican's and Hexo's, without a fence  yaml_text   YAML scalars as they were written
    dates         the forms of a date                    instants    where a post's date is looked for
    visibility    why a file is never public             places      permalink, URL, image, aliases
    permalinks    patterns of addresses                  people      authors, languages, tags
    words         plain text of titles and summaries     rest        whether a file is still being written
    pelican       settings in Python, never run          elevendata  Eleventy's data files

A convention of posts is one row of a table or one small function in the file that bears its name.
"""

from publisher.sources.folder import FolderSource
from publisher.sources.rules import Defaults, SourceRules, front_matter_defaults
from publisher.sources.stable_files import StabilityCheck

__all__ = ["Defaults", "FolderSource", "SourceRules", "StabilityCheck", "front_matter_defaults"]
