"""The log, the files and the terms of posts."""
