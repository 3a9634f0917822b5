"""Runs to answers: ranking, ties, the one-standard-error pick, effects.

`ranking` is plain Python, because the operator needs it for every status. All other modules import numpy and scipy and
are to be imported where they are called, never at the operator's start.
"""
