"""The cost of a stack: a model of calls and time, by one file of prices."""
