"""Values and rules. Standard library only: no clock, no I/O, no logging; `now` is an argument."""
