"""Decide whether a race between a CPU's execution contexts can happen in real machine code, and show it.

    import ctxrace

    program = ctxrace.compile("guard.c", optimize="-O2")
    result = ctxrace.check(program, tasks=3, preemption="full")
    print(result)
"""
