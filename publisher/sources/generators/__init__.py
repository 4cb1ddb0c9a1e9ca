"""Site generators: how each names, dates and places its posts."""
