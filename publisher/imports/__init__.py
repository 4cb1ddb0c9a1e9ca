"""Reads files written by other programs: lists of subscribers, and logs of mail servers."""
