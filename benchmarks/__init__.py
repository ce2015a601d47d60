"""Measures how fast and how cheap Zigzag is. docs/performance.md has the results, and says how to repeat
them."""
