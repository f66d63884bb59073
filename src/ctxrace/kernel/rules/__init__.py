"""The rules of Linux's execution contexts, each on one page.

`contexts`: which context interrupts which, and how the preempt count says so. `preemption`: where a task may lose the
CPU to another task. `sleeping`: which function may sleep, and where. Start with `contexts`.
May import: nothing of ours.
"""
