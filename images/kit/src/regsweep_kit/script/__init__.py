"""What a training script of one's own is written against (see images/kit/README.md): `import regsweep_kit as kit`.

Pure: declarations (a flag, its type and its values), precedence (which of default, profile, command line and sweep counts), parts (rows of
any data), course (a replicate's epochs become its record).
Shell: commandline, profiles, session (the process under a sweep, or by itself), replicate, report (what goes out), devices,
kerascallback and evaluation (the only modules that know a framework).
"""
