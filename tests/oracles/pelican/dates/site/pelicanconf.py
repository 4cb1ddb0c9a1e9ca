TIMEZONE = "Europe/Paris"
SITENAME = "Dates"
DEFAULT_LANG = "en"
