"""Where everything lies in memory: the image, this CPU's per-CPU area, tasks, stacks."""

from collections.abc import Callable, Sequence
from itertools import product

from ctxrace.core.errors import ImageError
from ctxrace.kernel.image.booted_image import BootedImage
from ctxrace.kernel.image.task_layout import task_struct
from ctxrace.kernel.model.addresses import (
    GUARD_SIZE,
    INTERRUPT_STACKS,
    SHARED_STACK_SIZE,
    SPAN,
    STACK_SIZE,
    STACK_TOP,
    STRIDE,
    TASKS,
    percpu_area,
    refuse_overlap,
)
from ctxrace.kernel.rules.contexts import IDLE_PREEMPT_COUNT, SOFTIRQ_OFFSET, Level
from ctxrace.machine.elf.sections import Section
from ctxrace.machine.flow import EXIT, Flow
from ctxrace.machine.image import Image
from ctxrace.machine.memory import Fault, Region, RegionKind, Write, pieces

__all__ = ["Layout"]

_PERCPU_SECTION = ".data..percpu"
_FIRST_PID = 100


def per_cpu_ranges(image: Image) -> tuple[range, ...]:
    """Return the link-time addresses of per-CPU variables; the area of a CPU has them at the same distances."""
    if isinstance(image, BootedImage):
        return image.per_cpu
    section = image.section(_PERCPU_SECTION)
    return (range(section.address, section.address + len(section.data)),) if section is not None else ()


class Layout:
    """Place an image, `tasks` tasks and the idle task, which is number `tasks`, in memory, as seen from one CPU.

    shared_stacks: whether stacks are memory that every context can reach. statistics: variables left out of states.
    cpus: how many CPUs there are, of which number `cpu` is this one; the content of memory is the same for all.
    memory: what shared memory but for stacks begins with, None for what the image has.
    Raises `ImageError` where the image has a section at addresses of the model's own.
    """

    def __init__(
        self,
        image: Image,
        tasks: int,
        shared_stacks: bool = False,
        statistics: Sequence[str] = (),
        cpus: int = 1,
        cpu: int = 0,
        memory: bytes | None = None,
    ) -> None:
        refuse_overlap(image)
        self.image = image
        self.struct = task_struct(image)
        self.tasks = tasks
        self.idle = tasks
        self.shared_stacks = shared_stacks
        self.cpus, self.cpu = cpus, cpu
        self._order = image.arch.byte_order
        self._per_cpu = per_cpu_ranges(image)
        self.percpu_offset = self._percpu_offset(cpu)
        self._regions: list[Region] = []
        self._seen: dict[tuple[Level, int], Sequence[Region]] = {}
        constant, shared = bytearray(), bytearray()
        self._place_written(shared)
        for section in image.sections:
            kind = RegionKind.SHARED if section.writable else RegionKind.CONSTANT
            kind = RegionKind.UNWRITTEN if section.until_written else kind
            blob = shared if kind is RegionKind.SHARED else constant
            if section.undefined:
                self._place_undefined(section)
                continue
            for base in self.places(section.address):
                self._regions.append(Region(base, len(section.data), kind, len(blob), section.name))
                blob += section.data
        self._number_cpus({RegionKind.SHARED: shared, RegionKind.UNWRITTEN: constant})
        shared[:] = shared if memory is None else memory
        self._place_what_nobody_writes(constant)
        self._place_statistics(statistics, constant, shared)
        if shared_stacks:
            for name, stack in self._stacks():
                self._regions.append(Region(stack.start, len(stack), RegionKind.SHARED, len(shared), name))
                shared += bytes(len(stack))
            if image.arch.link_register is None:
                self._place_returns(constant)
        self.constant, self.shared = bytes(constant), bytes(shared)

    def places(self, address: int) -> list[int]:
        """Return where what is linked to `address` lies: once, or for each CPU."""
        return list(dict.fromkeys(self._on_cpu(address, cpu) for cpu in range(self.cpus)))

    @property
    def offsets(self) -> list[int]:
        """How far behind its own address a variable may lie: 0, or where a CPU has its copies."""
        return [0, *(self._percpu_offset(cpu) for cpu in range(self.cpus) if self._per_cpu)]

    def _place_undefined(self, section: Section) -> None:
        """Place what nothing defines: it may be a variable, or one of each CPU, and nobody may access it."""
        for offset in self.offsets:
            base = (section.address + offset) & 0xFFFF_FFFF_FFFF_FFFF
            self._regions.append(Region(base, len(section.data), RegionKind.FOREIGN, 0, section.name))

    def _place_written(self, shared: bytearray) -> None:
        """Place what some run writes of sections that are constant until then; it lies before those sections."""
        known = self.image.discovery
        sections = [section for section in self.image.sections if section.until_written]
        for place, section in product(known.written() if known is not None else (), sections):
            start = max(place.start, section.address)
            data = section.data[start - section.address : max(place.stop - section.address, 0)]
            for base in self.places(start) if data else ():
                self._regions.append(Region(base, len(data), RegionKind.SHARED, len(shared), "memory that is written"))
                shared += data

    def _place_returns(self, constant: bytearray) -> None:
        # What a call pushes is the first word of a stack. For an entry nothing but a wild write changes it again.
        for name, stack in self._stacks():
            top = f"the return address at the top of {name}"
            self._regions.insert(0, Region(stack.stop - 8, 8, RegionKind.CONSTANT, len(constant), top))
        constant += EXIT.to_bytes(8, self._order)

    def _percpu_offset(self, cpu: int) -> int:
        if not self._per_cpu:
            return 0
        return (percpu_area(cpu) - self._per_cpu[0].start) & 0xFFFF_FFFF_FFFF_FFFF

    def _number_cpus(self, blobs: dict[RegionKind, bytearray]) -> None:
        for name, size, value in (("cpu_number", 4, int), ("__per_cpu_offset", 8, self._percpu_offset)):
            symbol = self.image.symbols.get(name)
            if symbol is not None and symbol.size < size * (self.cpus if size == 8 else 1):
                continue
            for cpu in range(self.cpus if symbol is not None else 0):
                assert symbol is not None
                address = symbol.address + 8 * cpu if size == 8 else self._on_cpu(symbol.address, cpu)
                region = next((it for it in self._regions if it.base <= address < it.base + it.size), None)
                if region is not None and region.kind in blobs:
                    at = address - region.base + region.start
                    blobs[region.kind][at : at + size] = value(cpu).to_bytes(size, self._order)

    def _place_what_nobody_writes(self, constant: bytearray) -> None:
        # x86 keeps the offset in a per-CPU variable, too (arch/x86/kernel/setup_percpu.c), and who has no register for
        # it finds it in an array (asm-generic/percpu.h). The number of CPUs: include/linux/cpumask.h.
        arch = self.image.arch
        values = {"nr_cpu_ids": self.cpus}
        if arch.preempt_count_variable:
            values["this_cpu_off"] = self.percpu_offset
        if arch.percpu_register is None:
            values["__per_cpu_offset"] = self.percpu_offset
        for name, value in values.items():
            symbol = self.image.symbols.get(name)
            if symbol is not None and symbol.size >= (size := 4 if name == "nr_cpu_ids" else 8):
                base = self._on_this_cpu(symbol.address)
                self._regions.insert(0, Region(base, size, RegionKind.CONSTANT, len(constant), symbol.name))
                constant += value.to_bytes(size, self._order)

    def _place_statistics(self, names: Sequence[str], constant: bytearray, shared: bytearray) -> None:
        for name in names:
            symbol = self.image.variable(name)
            assert symbol is not None
            base = self._on_this_cpu(symbol.address)
            first = self._content(base, symbol.size, constant, shared)
            self._regions.insert(0, Region(base, symbol.size, RegionKind.STATISTIC, len(constant), name))
            constant += first

    def system_registers(self, identity: int) -> dict[str, int]:
        """Return what the system registers hold while task `identity` is current."""
        arch = self.image.arch
        known = {arch.task_register: self.task_address(identity), arch.percpu_register: self.percpu_offset}
        return {name: value for name, value in known.items() if name}

    def task_address(self, identity: int) -> int:
        """Return the address of a task's task_struct."""
        return TASKS + identity * STRIDE

    def own_memory(self, identity: int) -> range:
        """Return the addresses of a task's task_struct and stack."""
        return range(self.task_address(identity), self.task_address(identity) + SPAN)

    def task_struct(self, identity: int, address: int | None = None, *, softirq: bool = False) -> bytes:
        """Return the task_struct of a task that is between two entries.

        address: the task whose address it has, None for its own. softirq: whether it is to serve a softirq.
        """
        struct = self.struct
        fresh = bytearray(struct.fresh.ljust(struct.stop, b"\0"))
        where = self.task_address(identity if address is None else address)
        if struct.fresh:
            inside = range(struct.address, struct.address + struct.size)
            moved = self._change_words(bytes(fresh), 0, lambda v: v - inside.start + where if v in inside else v)
            fresh = bytearray(moved)
        self._put(fresh, struct.current, where)
        fresh[struct.pid.start : struct.pid.stop] = self._pid(identity)
        if softirq:
            self._put(fresh, struct.softirq_disable_count, SOFTIRQ_OFFSET)
            self._put(fresh, struct.migration_disabled, 1)
        self._put(fresh, struct.preempt_count, struct.not_rescheduled)
        return self.with_preempt_count(bytes(fresh), IDLE_PREEMPT_COUNT if identity == self.idle else 0)

    def _number(self, task_struct: bytes, place: range) -> int:
        return int.from_bytes(task_struct[place.start : place.stop], self._order)

    def _put(self, task_struct: bytearray, place: range, value: int) -> None:
        task_struct[place.start : place.stop] = value.to_bytes(len(place), self._order)

    def preempt_count(self, task_struct: bytes) -> int:
        """Return the preempt count in a task_struct."""
        # Of the 8 bytes, as one number, the lower half: a big-endian arm64 has it at the higher address.
        return self._number(task_struct, self.struct.preempt_count) & self.struct.count_mask

    def with_preempt_count(self, task_struct: bytes, count: int) -> bytes:
        """Return a task_struct with another preempt count."""
        place, mask = self.struct.preempt_count, self.struct.count_mask
        whole = self._number(task_struct, place)
        whole += (count & mask) - (whole & mask)
        return task_struct[: place.start] + whole.to_bytes(len(place), self._order) + task_struct[place.stop :]

    def may_migrate(self, task_struct: bytes) -> bool:
        """Return whether the task whose task_struct this is may go on on another CPU."""
        return not any(task_struct[self.struct.migration_disabled.start : self.struct.migration_disabled.stop])

    def softirq_disable_count(self, task_struct: bytes) -> int:
        """Return the softirq_disable_cnt in a task_struct."""
        return self._number(task_struct, self.struct.softirq_disable_count)

    def run_context(self, task_struct: bytes) -> int:
        """Return the bpf_ctx in a task_struct."""
        return self._number(task_struct, self.struct.run_context)

    def with_run_context(self, task_struct: bytes, pointer: int) -> bytes:
        """Return a task_struct with another bpf_ctx."""
        place = self.struct.run_context
        return task_struct[: place.start] + pointer.to_bytes(len(place), self._order) + task_struct[place.stop :]

    def put_back(self, task_struct: bytes) -> bytes:
        """Return those bytes of a task_struct that every entry and every interrupt leaves as it found them."""
        return bytes(map(task_struct.__getitem__, self.struct.put_back))

    def stack(self, level: Level, identity: int) -> range:
        """Return the addresses of the stack that a context of `level` runs on."""
        number = self.cpu * len(Level) + level
        base = self.task_address(identity) if level is Level.TASK else INTERRUPT_STACKS + number * SPAN
        size = SHARED_STACK_SIZE if self.shared_stacks else STACK_SIZE
        return range(base + STACK_TOP - size, base + STACK_TOP)

    def regions(self, level: Level, identity: int) -> Sequence[Region]:
        """Return what a context of `level` sees of memory while task `identity` is current."""
        if (level, identity) not in self._seen:
            self._seen[level, identity] = self._seen_by(level, identity)
        return self._seen[level, identity]

    def _seen_by(self, level: Level, identity: int) -> Sequence[Region]:
        stack = self.stack(level, identity)
        mine = f"the {level} stack"
        return (
            *self._own_regions(identity),
            *([] if self.shared_stacks else [Region(stack.start, len(stack), RegionKind.STACK, 0, mine)]),
            Region(stack.start - GUARD_SIZE, GUARD_SIZE, RegionKind.GUARD, 0, mine),
            *self._regions,
            Region(TASKS, (self.tasks + 1) * STRIDE, RegionKind.FOREIGN, 0, "tasks"),
            Region(INTERRUPT_STACKS, self.cpus * len(Level) * SPAN, RegionKind.FOREIGN, 0, "interrupt stacks"),
        )

    def foreign(self, address: int) -> str:
        """Return what of other contexts lies at `address`: ``stack``, ``task_struct``, or nothing."""
        if address >= INTERRUPT_STACKS:
            level, offset = divmod(address - INTERRUPT_STACKS, SPAN)
            level %= len(Level)
            is_stack = level and STACK_TOP - STACK_SIZE <= offset < STACK_TOP
        else:
            identity, offset = divmod(address - TASKS, STRIDE)
            is_stack = identity < self.tasks and STACK_TOP - STACK_SIZE <= offset < STACK_TOP
        if is_stack:
            return "stack"
        size = self.struct.size or STACK_TOP - STACK_SIZE
        return "task_struct" if address < INTERRUPT_STACKS and offset < size else ""

    def _own_regions(self, identity: int) -> list[Region]:
        regions = [Region(self.task_address(identity), self.struct.size, RegionKind.OWN, 0, "task_struct")]
        if self.image.arch.preempt_count_variable is None:
            return regions
        count, task = self.struct.preempt_count, self.struct.current
        # From v6.2 to v6.14 both are members of one variable (arch/x86/include/asm/current.h, struct pcpu_hot).
        names = {self.image.arch.preempt_count_variable: count, "pcpu_hot.preempt_count": count}
        for name, place in {**names, "current_task": task, "pcpu_hot.current_task": task}.items():
            symbol = self.image.variable(name)
            if symbol is not None:
                size = min(symbol.size, len(place))  # a damaged file may claim more
                regions.append(Region(self._on_this_cpu(symbol.address), size, RegionKind.OWN, place.start, name))
        return regions

    def locate(self, address: int, identity: int) -> tuple[RegionKind, int]:
        """Return in which blob, and where in it, `address` is kept while task `identity` is current."""
        for region in self.regions(Level.TASK, identity):
            if region.kind is RegionKind.OWN and region.base <= address < region.base + region.size:
                return region.kind, address - region.base + region.start
        return RegionKind.SHARED, self.locate_shared(address)

    def locate_shared(self, address: int) -> int:
        """Return where in the shared blob `address` is kept; raise `ImageError` where it is not shared memory."""
        for region in self._regions:
            if region.kind is RegionKind.SHARED and region.base <= address < region.base + region.size:
                return address - region.base + region.start
        raise ImageError(f"{self.image.where(address)} is not a variable that can change")

    def variable(self, name: str) -> range:
        """Return the bytes of the shared blob that hold the variable `name` (on this CPU, where it is per-CPU)."""
        symbol = self.image.symbols[name]
        offset = self.locate_shared(self._on_this_cpu(symbol.address))
        return range(offset, offset + symbol.size)

    def contents(self, name: str, shared: bytes) -> list[bytes]:
        """Return what the variable `name` holds with this shared memory, for each CPU where it is per-CPU."""
        symbol = self.image.symbols[name]
        return [self._content(at, symbol.size, self.constant, shared) for at in self.places(symbol.address)]

    def _content(self, address: int, size: int, constant: bytes | bytearray, shared: bytes | bytearray) -> bytes:
        try:  # a part of a variable may be constant: what no run writes
            found = list(pieces(self._regions, address, size))
        except Fault:
            where = self.image.where(address)
            raise ImageError(f"{where} has {size:,} bytes, which are not all memory; is its symbol damaged?") from None
        return b"".join((shared if kind is RegionKind.SHARED else constant)[at : at + part] for kind, at, part in found)

    def symbol_address(self, address: int) -> tuple[int, int | None]:
        """Return the link-time address of what the code finds at `address`, and the CPU whose copy it is, if any."""
        for cpu in range(self.cpus if self._per_cpu else 0):
            linked = address - percpu_area(cpu) + self._per_cpu[0].start
            if any(linked in place for place in self._per_cpu):
                return linked, cpu
        return address, None

    def relocate(self, value: int, source: int, target: int) -> int:
        """Return what `value` is for task `target` if it is an address in task `source`'s own memory."""
        offset = value - self.task_address(source)
        return self.task_address(target) + offset if 0 <= offset < SPAN else value

    def relocate_flow(self, flow: Flow, source: int, target: int) -> Flow:
        """Return `flow` as it would be with task `target` in the place of `source`."""
        return self.change_words(flow, lambda value: self.relocate(value, source, target))

    def change_words(self, flow: Flow, change: Callable[[int], int]) -> Flow:
        """Return `flow` with `change` made to every word that it holds."""
        registers = ((offset, change(value)) for offset, value in flow.registers)
        return flow._replace(
            registers=tuple((offset, value) for offset, value in registers if value),
            stack=self._change_words(flow.stack, len(flow.stack) % 8, change),
            monitor=tuple(map(change, flow.monitor)),
            active=tuple(activation._replace(stack=change(activation.stack)) for activation in flow.active),
            done=tuple(map(change, flow.done)),
        )

    def relocate_task_struct(self, task_struct: bytes, source: int, target: int) -> bytes:
        """Return a task_struct as it would be with task `target` in the place of `source`."""
        moved = bytearray(self._change_words(task_struct, 0, lambda value: self.relocate(value, source, target)))
        if moved[self.struct.pid.start : self.struct.pid.stop] == self._pid(source):
            moved[self.struct.pid.start : self.struct.pid.stop] = self._pid(target)
        return bytes(moved)

    def relocate_write(self, write: Write, source: int, target: int) -> Write:
        """Return a write as it would be with task `target` in the place of `source`."""
        if write.kind is not RegionKind.OWN or len(write.data) != 8:
            return write
        data = self._change_words(write.data, 0, lambda value: self.relocate(value, source, target))
        return write._replace(data=data)

    def _change_words(self, data: bytes, start: int, change: Callable[[int], int]) -> bytes:
        changed = bytearray(data)
        for at in range(start, len(data) - 7, 8):
            value = int.from_bytes(data[at : at + 8], self._order)
            changed[at : at + 8] = change(value).to_bytes(8, self._order)
        return bytes(changed)

    def _stacks(self) -> list[tuple[str, range]]:
        tasks = [(f"task {i}'s stack", self.stack(Level.TASK, i)) for i in range(self.tasks)]
        return [*tasks, *((f"the {level} stack", self.stack(level, 0)) for level in Level if level is not Level.TASK)]

    def _on_this_cpu(self, address: int) -> int:
        return self._on_cpu(address, self.cpu)

    def _on_cpu(self, address: int, cpu: int) -> int:
        if any(address in place for place in self._per_cpu):
            return address - self._per_cpu[0].start + percpu_area(cpu)
        return address

    def _pid(self, identity: int) -> bytes:
        return (0 if identity == self.idle else _FIRST_PID + identity).to_bytes(4, self._order)
