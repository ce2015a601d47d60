"""Makes a user's own project from Zigzag's tree, and upgrades it to the next version."""
