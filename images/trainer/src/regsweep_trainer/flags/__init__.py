"""The flags that a sweep may vary or fix: what each may be, what they mean together, what is said of those that cannot be.

`data`, `network`, `regularization` and `training` declare them, each with its check and help; `declaration` has them all.
"""

from regsweep_trainer.flags.contradictions import idle
from regsweep_trainer.flags.declaration import Flags
from regsweep_trainer.flags.parsing import describe, flag_lines, label_value, parse_flags
from regsweep_trainer.flags.words import asks_for_feature_space

__all__ = ["Flags", "asks_for_feature_space", "describe", "flag_lines", "idle", "label_value", "parse_flags"]
