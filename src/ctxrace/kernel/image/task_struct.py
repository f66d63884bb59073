"""Where a task_struct has what the model must know of it.

A C file that includes our headers has the layout of ``include/ctxrace/sched.h``. A kernel says its own, in BTF.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ctxrace.core.errors import ImageError

__all__ = ["HEADERS", "MEMBERS", "NOT_RESCHEDULED", "UNKNOWN", "TaskStruct"]

_NOWHERE = range(0)

MEMBERS = {"preempt_count": "thread_info.preempt_count", "pid": "pid", "migration_disabled": "migration_disabled",
           "run_context": "bpf_ctx", "softirq_disable_count": "softirq_disable_cnt"}  # fmt: skip
"""What the kernel calls the members of its task_struct that the model must know."""

_SIZES = {"preempt_count": (4, 8), "pid": (4,), "migration_disabled": (1, 2, 4), "run_context": (8,),
          "softirq_disable_count": (4,)}  # fmt: skip
"""How many bytes each of them may have; a member of a damaged file may have any number."""

MOST_BYTES = 0x7000 - 32
"""As many bytes may a task_struct have, so that it and what is kept behind it are apart from the task's stack.

A distribution's kernel has about 10,000."""

NOT_RESCHEDULED = {"EM_AARCH64": 1 << 32, "EM_X86_64": 1 << 31}
"""The bit that says that no reschedule is needed, inverted (asm/preempt.h of arm64 and x86, Linux v6.12)."""


def _unnamed(_offset: int, _size: int) -> str:
    return ""


@dataclass(frozen=True)
class TaskStruct:
    """Say where members are, as ranges of bytes; an empty range is a member that this kernel does not have.

    size: of the whole, in bytes; 0: not known, and nothing of it may be accessed. preempt_count:
    thread_info.preempt_count, 4 bytes, or 8 of which the lower half is the count. run_context: bpf_ctx.
    softirq_disable_count: softirq_disable_cnt, which PREEMPT_RT has.
    not_rescheduled: the bit of those bytes that is set while the task need not be rescheduled; 0: there is none.
    fresh: the bytes of a task that has not run; empty: zeros. address: where `fresh` lies, for pointers into itself.
    member: how C spells the bytes at an offset, empty where that is not known.
    """

    size: int
    preempt_count: range
    pid: range
    migration_disabled: range
    run_context: range
    softirq_disable_count: range = _NOWHERE
    not_rescheduled: int = 0
    fresh: bytes = b""
    address: int = 0
    member: Callable[[int, int], str] = field(default=_unnamed, compare=False)

    @property
    def count_mask(self) -> int:
        """The bits of those bytes that are the count."""
        return 0xFFFF_FFFF & ~self.not_rescheduled

    @classmethod
    def of(cls, size: int, places: Mapping[str, range], file: str) -> "TaskStruct":
        """Return the layout of a task_struct of `size` bytes with `places`, a range for each name of `MEMBERS`.

        What the model keeps of a task, and this task_struct has not, is kept behind it, where code does not see it.
        file: says so, for messages. Raises `ImageError` for what no task_struct is.
        """
        if not 0 <= size <= MOST_BYTES:
            raise ImageError(f"{file} has a task_struct of {size:,} bytes, and at most {MOST_BYTES:,} are possible")
        for name, place in places.items():
            length = place.stop - place.start
            if length and (length not in _SIZES[name] or not 0 <= place.start < place.stop <= size):
                where = f"{length:,} bytes at {place.start:,}, in a task_struct of {size:,} bytes"
                raise ImageError(f"{file}: {MEMBERS[name]} is {where}; is its debug information damaged?")
        behind = {"preempt_count": range(size + 8, size + 16), "run_context": range(size + 16, size + 24),
                  "pid": range(size + 24, size + 28)}  # fmt: skip
        found = {name: places.get(name) or behind.get(name, _NOWHERE) for name in MEMBERS}
        return cls(size, found["preempt_count"], found["pid"], found["migration_disabled"], found["run_context"],
                   found["softirq_disable_count"])  # fmt: skip

    @property
    def stop(self) -> int:
        """How many bytes are kept of a task: the struct, and what per-CPU variables hold of it while it is current."""
        return max(self.current.stop, self.preempt_count.stop, self.pid.stop, self.run_context.stop)

    @property
    def current(self) -> range:
        """The bytes behind the struct that hold `current`, where that is a per-CPU variable."""
        return range(self.size, self.size + 8)

    @cached_property
    def quiet(self) -> frozenset[int]:
        """The bytes that no other context changes unnoticed: interrupts put the counts back, and `current` too."""
        return frozenset(
            [*self.preempt_count, *self.migration_disabled, *self.softirq_disable_count, *self.current]
        )

    @cached_property
    def put_back(self) -> tuple[int, ...]:
        """The bytes that every entry and every interrupt leaves as it found them."""
        return tuple(sorted([*self.quiet, *self.run_context]))

    def spell(self, offset: int, size: int) -> str:
        """Return how a reader knows the bytes at `offset`, as C or as an offset from `current`."""
        for place, name in (
            (self.preempt_count, "preempt_count"),
            (self.run_context, "current->bpf_ctx"),
            (self.softirq_disable_count, "current->softirq_disable_cnt"),
            (self.migration_disabled, "current->migration_disabled"),
        ):
            if offset in place:
                return name
        member = self.member(offset, size)
        return f"current->{member}" if member else f"current+{offset:#x}"


HEADERS = TaskStruct(
    size=128,
    preempt_count=range(8, 16),
    pid=range(16, 20),
    migration_disabled=range(20, 24),
    run_context=range(24, 32),
    softirq_disable_count=range(32, 36),
)
"""The layout of our own headers (ctxrace/sched.h)."""

UNKNOWN = TaskStruct.of(0, {}, "")
"""The layout of a program that does not say where its tasks have what."""
