"""What a stack costs: a model of calls and time, by one file of prices."""
