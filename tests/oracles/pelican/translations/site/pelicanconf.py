TIMEZONE = "UTC"
DEFAULT_LANG = "en"
DEFAULT_METADATA = {"status": "draft"}
ARTICLE_URL = "{slug}/"
ARTICLE_SAVE_AS = "{slug}/index.html"
ARTICLE_LANG_URL = "{lang}/{slug}/"
ARTICLE_LANG_SAVE_AS = "{lang}/{slug}/index.html"
PATH_METADATA = r"(?P<category>[^/]+)/.*"
