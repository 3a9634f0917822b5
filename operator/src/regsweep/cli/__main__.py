"""`python -m regsweep.cli` is `regsweep`."""

from regsweep.cli.main import main

main()
