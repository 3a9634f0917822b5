"""Whether the statistics keep what they promise: simulated sweeps whose truth is known.

    PYTHONPATH=tests nice python -m bench.calibration --sweeps 2000 --output docs/calibration.md

A gate fails where a figure misses its goal by more than three Monte-Carlo errors; the command then exits with 1, unless
the miss is a known one that the table explains.
"""
