"""`python -m regsweep_kit run -- CMD`: the contract kept for a script that knows nothing of it.

Pure: expansion (variables in arguments), naming (a script's names of metrics as ours), logs (what a script has written, as epochs).
Shell: running (the command, once for each replicate), eventfiles (TensorBoard's files; the only module that knows a framework).
"""
