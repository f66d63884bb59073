"""The tasks of objects that are linked together: one layout of task_struct for all of them, and for our headers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ctxrace.core.errors import ImageError
from ctxrace.kernel.image.task_layout import agree, of_layout, of_types
from ctxrace.kernel.image.task_struct import HEADERS, UNKNOWN, TaskStruct
from ctxrace.machine.arch import Architecture
from ctxrace.machine.btf import Btf
from ctxrace.machine.build.cache import digest, opened, store
from ctxrace.machine.layout import Layout, part
from ctxrace.machine.objects.relocatable import ObjectFile

__all__ = ["Tasks", "tasks_of_layout", "tasks_of_objects"]

_RECORD = b"compiled rcu "  # each file that includes our headers leaves one (ctxrace/scenario.h)
_READS_CURRENT = 0xD538_4100  # mrs x?, sp_el0
_CURRENT = frozenset({"current_task", "const_current_task", "pcpu_hot"})


@dataclass(frozen=True)
class Tasks:
    """Say where the tasks of objects have what. nesting: rcu_read_lock_nesting, empty where there is none."""

    struct: TaskStruct
    arch: Architecture
    nesting: range = range(0)

    def flags(self, cache: Path) -> list[str]:
        """Return the compiler's flags with which our headers have this layout. cache: where it is written."""
        struct = self.struct
        if struct == HEADERS or struct is UNKNOWN:  # what is not known is refused where a run accesses it
            return ["-DCTXRACE_SMP=1", "-DCTXRACE_MIGRATION_DISABLED(task)=(task)->migration_disabled"]
        text = "".join(f"{line}\n" for line in self._lines())
        opened(cache)
        path = cache / f"layout-{digest(text)}.h"
        if not path.is_file():
            store(path, text.encode())
        flags = [f'-DCTXRACE_TASK_LAYOUT="{path}"', f"-DCTXRACE_SMP={int(bool(struct.migration_disabled))}"]
        if struct.migration_disabled:
            flags.append("-DCTXRACE_MIGRATION_DISABLED(task)=(task)->migration_disabled")
        if self.nesting:
            flags.append("-DCTXRACE_RCU_NESTING(task)=(task)->rcu_read_lock_nesting")
        if self.arch.preempt_count_variable is not None:
            flags.append(f"-DCTXRACE_NOT_RESCHEDULED={struct.not_rescheduled:#x}u")
        return flags

    def _lines(self) -> Iterator[str]:
        struct = self.struct
        yield "struct thread_info {"
        yield f"\tchar ctxrace_before[{0 if self.arch.preempt_count_variable else struct.preempt_count.start}];"
        if self.arch.preempt_count_variable is None:
            halves = ("count", "need_resched") if self.arch.little_endian else ("need_resched", "count")
            yield f"\tunion {{ u64 preempt_count; struct {{ u32 {halves[0]}; u32 {halves[1]}; }} preempt; }};"
        yield "};"
        yield "struct task_struct { union {"
        yield "\tstruct thread_info thread_info;"
        members = {"int pid": struct.pid, "void *bpf_ctx": struct.run_context,
                   "int softirq_disable_cnt": struct.softirq_disable_count, "int rcu_read_lock_nesting": self.nesting,
                   f"{_UNSIGNED.get(len(struct.migration_disabled), 'u32')} migration_disabled":
                       struct.migration_disabled}  # fmt: skip
        for number, (member, place) in enumerate(members.items()):
            if place and place.stop <= struct.size:
                yield f"\tstruct {{ char ctxrace_before_{number}[{place.start}]; {member}; }} __packed;"
        yield f"\tchar ctxrace_all[{struct.size}];"
        yield "}; };"


_UNSIGNED = {1: "u8", 2: "u16", 4: "u32"}


def tasks_of_objects(objects: Sequence[ObjectFile]) -> Tasks:
    """Return where the tasks of `objects` have what.

    It is `UNKNOWN` where one of them says nothing about that, and has code that asks for the current task. Raises
    `ImageError` where they contradict one another.
    """
    arch = objects[0].arch
    found: dict[TaskStruct, Path] = {}
    nesting, unknown = range(0), False
    for one in objects:
        struct, its = _tasks_of(one)
        unknown |= struct is UNKNOWN and _asks_for_current(one)
        if struct is not UNKNOWN:
            found.setdefault(struct, one.path)
            nesting = nesting or its
    known = list(found)
    for struct in known[1:]:
        if not agree(known[0], struct):
            raise ImageError(
                f"{found[known[0]]} and {found[struct]} have different layouts of task_struct; compile both with the "
                "headers of one kernel"
            )
    if unknown:
        return Tasks(UNKNOWN, arch)
    return Tasks(known[0] if known else HEADERS, arch, nesting)


def tasks_of_layout(layout: Layout, arch: Architecture, name: str) -> Tasks:
    """Return where tasks have what, whose task_struct is laid out so; name: of the file or tree, for messages."""
    return Tasks(of_layout(layout, arch, name), arch, part(layout, "rcu_read_lock_nesting") or range(0))


def _tasks_of(one: ObjectFile) -> tuple[TaskStruct, range]:
    records = sum(line.startswith(_RECORD) for line in one.section(".ctxrace").split(b"\0"))
    if records and records >= one.files:
        return HEADERS, range(0)
    layouts = one.structs("task_struct")
    if records and len(layouts) < one.files:
        return UNKNOWN, range(0)
    if layouts:
        structs = [of_layout(layout, one.arch, str(one.path)) for layout in dict.fromkeys(layouts)]
        if not all(agree(structs[0], struct) for struct in structs):
            raise ImageError(
                f"{one.path} has files with different layouts of task_struct; compile all of them with the same headers"
            )
        return structs[0], part(layouts[0], "rcu_read_lock_nesting") or range(0)
    return _from_btf(one)


def _from_btf(one: ObjectFile) -> tuple[TaskStruct, range]:
    try:
        types = Btf(one.section(".BTF")) if one.section(".BTF") else None
        if types is None or types.member("task_struct", "thread_info") is None:
            return UNKNOWN, range(0)
    except ImageError:  # that of a module refers to types of its kernel, and tells nothing by itself
        return UNKNOWN, range(0)
    return of_types(types, one.arch, str(one.path)), types.member("task_struct", "rcu_read_lock_nesting") or range(0)


def _asks_for_current(one: ObjectFile) -> bool:
    if one.arch.elf_machine == "EM_X86_64":
        return bool(_CURRENT & (one.undefined | one.defined | one.weak))
    words = (int.from_bytes(code[at : at + 4], "little") for code in one.code() for at in range(0, len(code) - 3, 4))
    return any(word & ~31 == _READS_CURRENT for word in words)
