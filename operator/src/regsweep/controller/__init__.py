"""The operator. One scheme of names, for modules and their classes: what a thing is to a pass over a sweep (`reconcile`).

A ...Reader reads the API server and a ...Writer writes to it; a ...Cache keeps what was read for all sweeps, `memory` what was
seen of one; a ...Queue holds what is asked for and not waited for; a ...pace says when something is due. Values that go from one
step of a pass to the next are in `observation`. `operator` runs passes while the lease is held; `main` is the process around it.
"""
