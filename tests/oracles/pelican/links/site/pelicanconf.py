TIMEZONE = "UTC"
STATIC_PATHS = ["images", "files"]
