"""Verify: is what the pages promise true on an AWS account? It deploys, tries, and takes all away."""
