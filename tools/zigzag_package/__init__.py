"""Makes of a build what other tools deploy: `make package`."""
