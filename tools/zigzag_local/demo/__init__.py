"""`make run`: shows the whole queue on this machine, and ends with a table of each message's result."""
