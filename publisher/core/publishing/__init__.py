"""The log of what was published: matching, planning, guards, recovery."""
