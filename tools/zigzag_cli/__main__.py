"""`python -m zigzag_cli`."""

from zigzag_cli.app import main

main()
