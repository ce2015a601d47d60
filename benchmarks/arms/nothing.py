"""An empty process: what every other one has to do as well."""
