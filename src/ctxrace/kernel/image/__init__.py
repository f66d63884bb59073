"""A kernel as it ships: a vmlinux, its types, and its code as it is after boot.

`vmlinux`: the file, with relocations applied. `alternatives`, `jump_labels`: what boot patches for a chosen CPU.
Start with `vmlinux`. May import: kernel.rules, machine, core.
"""
