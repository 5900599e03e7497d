"""`python -m cli`: the same as `fedsim`."""

from cli.app import main

main()
