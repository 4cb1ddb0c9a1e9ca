"""From the folder of posts to the log and the documents."""
