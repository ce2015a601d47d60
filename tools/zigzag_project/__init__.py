"""A project of a user's own: how it is made from Zigzag's tree, and how it takes the next version."""
