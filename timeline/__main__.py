"""`python -m timeline`: the command line."""

from timeline.cli import main

main(prog_name="timeline")
