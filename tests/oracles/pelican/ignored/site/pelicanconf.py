TIMEZONE = "UTC"
PATH = "content"
ARTICLE_PATHS = ["articles"]
ARTICLE_EXCLUDES = ["articles/old"]
IGNORE_FILES = ["*.scratch.md", ".#*"]
