"""Ways to send that few tasks need. Each module is loaded only where it is used."""
