"""The `zigzag` command. `app` lists its commands."""
