"""`python -m kesheng`: the command line."""

from kesheng.cli import main

main()
