"""The thread's statements about BPF's recursion guard, each decided.

`statements` holds what was said and what decides it; `decide` asks; `claims` has the lists of steps. Start with
`statements`. May import: bpf, claims, kernel and below.
"""
