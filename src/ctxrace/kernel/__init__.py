"""Linux's execution model for C programs and kernel images.

`rules`: the context rules. `model`: the system that the engines explore. `narrate`: a run as an interleaving.
`include`: the headers for C files. `scenario`, `program`, `check` and `replay` join them. Start with `rules/contexts`.
May import: machine, explore, core.
"""
