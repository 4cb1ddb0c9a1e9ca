"""What a post is: its values, its files, its address."""
