TIMEZONE = "Europe/Berlin"
SLUGIFY_SOURCE = "basename"
