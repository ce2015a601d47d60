"""An empty process: the work that every other process has to do as well."""
