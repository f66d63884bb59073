"""BPF's recursion guards: one C file each, how one is compiled with its caller, and the cases that a table is made of.

Start with a C file (arm64-v1.c), then known.py, load.py, case.py, run.py. May import what bpf may, and bpf/caller.py.
"""
