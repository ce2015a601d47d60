"""`make run`: the main job on this machine, from nothing to a table of what became of each message."""
