"""How fast and how cheap is Zigzag? docs/performance.md has the results, and says how to measure again."""
