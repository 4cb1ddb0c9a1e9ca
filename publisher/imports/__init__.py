"""Files that other programs wrote: lists of subscribers, logs of relays."""
