"""BPF's recursion guard of a kernel that exists: its own machine code, called as trampolines call it.

Start with `check`. May import: bpf.guards, kernel, core.
"""
