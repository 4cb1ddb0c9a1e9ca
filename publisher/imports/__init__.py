"""Files that other programs write: lists of subscribers, logs of mail servers."""
