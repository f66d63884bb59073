"""How the kernel runs BPF programs: what may come over a program, by type, version and preemption model.

    kernel = Kernel((7, 2), Preemption.LAZY, preemptible_rcu=True)
    first, second = placement("tp_btf/sched_process_exec", kernel), placement("cgroup_skb/egress", kernel)
    meeting(first, second, same_program=False).reason

`table`: the rows that were read in the sources. `hooks`: hooks whose context is known. `kinds`: section names.
`kernel`: a kernel's version and configuration. `placement`: a program under a kernel. `meeting`: two programs.
Start with `table`. May import: `ctxrace.core`, `ctxrace.kernel.rules`.
"""

from ctxrace.bpf.programs.rules.kernel import Kernel
from ctxrace.bpf.programs.rules.meeting import Meeting, meeting
from ctxrace.bpf.programs.rules.placement import Placement, placement

__all__ = ["Kernel", "Meeting", "Placement", "meeting", "placement"]
