"""Whether the statistics keep what they promise: simulated sweeps whose truth is known.

    make bench-calibration

or `PYTHONPATH=tests python -m bench.calibration --section ties --scale 0.1`. Figures are kept in .calibration as they come, so that
a run that was interrupted goes on where it stopped, and the page can be put together from sections that were run one by one.
A goal is missed where it is missed by more than three Monte-Carlo errors; the command then exits with 1.
"""
