"""`python -m deespec`."""

from deespec.cli.main import main

main()
