"""What any trainer needs to keep regsweep's training contract (docs/trainer-contract.md). It imports no framework.

Pure modules, no I/O: objective, resampling and contract (the environment, read by variables), seeds, splits, epochs (best epoch and early
stopping), record (a replicate's result), message and columns (the termination message and what it has room for), testlosses.
Shell: digests (of source files), journal (writes the message), exposition and server (/metrics), reporting (both, in the contract's order),
stopping (signals), timing, console, process (from the environment to the exit code).
`errors` holds every reason for which a run ends early, with its exit code.
"""
