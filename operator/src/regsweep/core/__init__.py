"""Every decision about a sweep, pure: no I/O, no clock, no randomness of its own.

The decision itself is here: `grid` (flags to combinations), `identity`, `accept`, `sweep` and `runs` (what is decided
on), `collect` (which results can be taken), `progress`, `limits`, `final`, `plan` (what to do), `conditions` and `status`
(what to say). It rests on three wings: `judging`, `kubernetes` and `results`.
"""
