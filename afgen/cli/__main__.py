"""`python -m afgen.cli`."""

from afgen.cli import main

main()
