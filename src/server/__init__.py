"""Serves a queue on a machine of one's own: a consumer and workers in one, which run all the time."""
