"""The operator: passes over sweeps, and the process around them. Each package may use those below it.

`process`: the program, its parts and leadership; it feeds the queue, and makes passes while the lease is held.
`passes`: one pass (`reconcile`), what it rests on (`sweep_reader`, `observation`) and what is remembered between two (`memory`).
`writers`: what a pass writes to the API server.
`caches`, `queues`: what is read without asking, and what is asked for without waiting.
`clocks`: the time.

One scheme of names, for modules and their classes: a ...Reader reads the API server and a ...Writer writes to it; a ...Cache
keeps what was read for all sweeps, `memory` what was seen of one; a ...Queue holds what is asked for and not waited for; a
...pace says when something is due.
"""
