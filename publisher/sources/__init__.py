"""A folder of posts, written for any generator, read as its author meant it: file -> ParsedPost | BadPost.

    folder       which files there are, and their bytes      parse_post   one file's bytes -> ParsedPost
    walk         lists the folder                            build_post   front matter and body -> Post
    parallel     many files on every core                    stable_files what is still being written
    rules        how one site's folder is read               site_config  what the blog's own files decide
    frontmatter  where it ends; YAML, TOML, JSON; dates      fields       what its keys mean, one topic a file
    generators   each generator's configuration, never run   liquid       conditions and includes in bodies
    ignored      which files a generator never builds        globs        path patterns

A convention of one generator is one row of a table, or one function in the file named after its topic.
"""

from publisher.sources.file_reading import StabilityCheck
from publisher.sources.folder_source import FolderSource
from publisher.sources.frontmatter.values import Defaults, front_matter_defaults
from publisher.sources.source_rules import SourceRules

__all__ = ["Defaults", "FolderSource", "SourceRules", "StabilityCheck", "front_matter_defaults"]
