"""The command line: `regsweep`."""
