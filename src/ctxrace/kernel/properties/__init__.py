"""What is checked of a kernel: each property with its condition, as plain values.

`demands`: what a source declares, and the view of a state that their conditions take. `invariants`: what every kernel
demands. `coverage`: what a check shows to happen, so that no proof is empty. Start with `demands`.
May import: core.
"""
