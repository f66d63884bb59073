"""A run of the kernel model as an interleaving that people can read.

`tell` begins; `narrator` turns steps into events and turns; `listing` says which instructions are events.
Start with `tell`.
May import: kernel.model, kernel.rules, kernel.scenario, machine, core.
"""
