"""The `zigzag` command: send, status, tasks, and the local AWS. `app` is its table of contents."""
