"""Several CPUs: each has its own counters and handlers, and a task that has lost its CPU may migrate to another one."""

from collections.abc import Sequence

from ctxrace.bpf.specification.code import Active, Context, Line, this_cpu_ptr
from ctxrace.bpf.specification.guards import Attempt, Guard
from ctxrace.bpf.specification.setting import Callers, Kernel, Program
from ctxrace.bpf.specification.system import NONE, Choice, Specification, State

__all__ = ["SeveralCpus", "specify"]


class SeveralCpus(Specification):
    """As many CPUs as the kernel has; see `Specification` for one."""

    def __init__(
        self,
        guard: str | Guard,
        kernel: Kernel,
        program: Program = Program(),  # noqa: B008 - a frozen value
        callers: Callers = Callers(),  # noqa: B008
    ) -> None:
        super().__init__(guard, kernel, program, callers)
        self._handlers_of = tuple([who for who in self.handlers if self.home[who] == cpu] for cpu in self.cpus)
        self._pointer_lives = tuple(_pointer_lives(code) for code in self.code)

    def choices(self, state: State) -> list[Choice]:
        """Return which context may take the next event on each CPU."""
        return [choice for cpu in self.cpus for choice in self.choices_on(cpu, state.contexts)]

    def handlers_of(self, cpu: int) -> Sequence[int]:
        """Return the handlers of a CPU, lowest level first."""
        return self._handlers_of[cpu]

    def may_run(self, who: int, me: Context, cpu: int) -> bool:
        """Return whether `cpu` may go to task `who`: to begin, to go on there, or to migrate there."""
        if not me.at:
            return me.left > 0 and self.home[who] in (NONE, cpu)
        return me.cpu == cpu or (self.home[who] == NONE and not me.pinned and self.may_lose_the_cpu(who, me))

    def act(self, active: Active, who: int, me: Context, rctx: int) -> tuple[Active, Context, bool]:
        """Return counters and context after the next event of `who`, and whether it enters a body."""
        active, after, enters = super().act(active, who, me, rctx)
        return active, after if self._pointer_lives[who][after.at] else after._replace(pointer=0), enters

    def counters(self, who: int, me: Context) -> tuple[int, int]:
        """Return the place of the counters of the CPU to which `active` points, or on which the line runs."""
        cpu = me.pointer if self.code[who].lines[me.at].through_pointer else me.cpu
        first, end = super().counters(who, me)
        before = self.guard.counters * len(self.programs) * cpu
        return before + first, before + end

    def active_twice(self, contexts: Sequence[Context], choice: Choice, after: Context, *, enters: bool) -> bool:
        """Return whether a body is active twice on a CPU because a task enters it, or comes to this CPU in it."""
        if super().active_twice(contexts, choice, after, enters=enters):
            return True
        before = contexts[choice.who]
        program = self.inside(choice.who, before)
        migrates = choice.cpu != before.cpu and not enters
        return migrates and program != NONE and self.is_active(program, contexts, choice)

    def label(self, choice: Choice) -> Choice | int:
        """Return the whole choice: the context alone does not say on which CPU."""
        return choice


def specify(
    guard: str | Guard,
    kernel: Kernel = Kernel(),  # noqa: B008 - a frozen value
    program: Program = Program(),  # noqa: B008
    callers: Callers = Callers(),  # noqa: B008
) -> Specification:
    """Return the specification for one CPU or for several; the arguments are those of `Specification`."""
    return (Specification if kernel.cpus == 1 else SeveralCpus)(guard, kernel, program, callers)


def _pointer_lives(code: Attempt) -> tuple[bool, ...]:
    """Return for each line whether a later line reads `active`, or this one does."""

    def used(rest: Sequence[Line]) -> bool:
        looked = next((line for line in rest if line is this_cpu_ptr or line.through_pointer), None)
        return looked is not None and looked.through_pointer

    return tuple(used(code.lines[at:]) for at in range(len(code.lines)))
