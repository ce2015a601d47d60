"""Senders' parts that few need. Each module is loaded only where it is used."""
