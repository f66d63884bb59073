"""A harness together with the kernel that it calls, as one image: only what runs is looked at."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from ctxrace.core.errors import ImageError
from ctxrace.core.interleaving import Source
from ctxrace.kernel.image.booted_image import BootedImage, after_boot
from ctxrace.kernel.image.task_struct import MEMBERS, NOT_RESCHEDULED, TaskStruct
from ctxrace.kernel.image.vmlinux import Vmlinux
from ctxrace.machine.btf import Btf, TypeKind
from ctxrace.machine.image import Image, Section, Symbol
from ctxrace.machine.inputs import shortest
from ctxrace.machine.large_dwarf import LargeDebugInformation

__all__ = ["KernelImage", "task_struct_of"]

_LEFT_OUT = (".hyp", ".init", ".exit", ".rela", ".relr", ".altinst", ".BTF", "runtime", "__bug", ".note", ".pgtbl",
             ".orc", ".data..percpu")  # fmt: skip
"""Sections that the code of a running kernel does not use, by how their names begin; the last has its own place."""

_NEEDED = ("preempt_count", "pid")


class KernelImage(BootedImage):
    """Join `harness`, which is linked beside the kernel, with the kernel's own code and data.

    patches: new bytes by address: what boot or the harness changes in the kernel's code. refused: why an address must
    not be executed, for code that boot computes. tree: the kernel's sources, whose lines are shown.
    """

    def __init__(
        self,
        harness: Image,
        kernel: Vmlinux,
        types: Btf,
        patches: Mapping[int, bytes],
        refused: Mapping[int, str],
        tree: Path | None = None,
    ) -> None:
        symbols = [symbol for same in kernel.elf.symbols.values() for symbol in same if symbol.kind]
        sections = (*harness.sections, *_sections(kernel, patches))
        percpu = harness.section(".data..percpu")
        mine = [range(percpu.address, percpu.address + len(percpu.data))] if percpu is not None else []
        super().__init__(
            harness.arch, harness.path, sections, (*harness.all_symbols, *symbols), harness.debug, harness.headers,
            harness.notes, task_struct=task_struct_of(kernel, types), per_cpu=(kernel.per_cpu, *mine), refused=refused,
        )  # fmt: skip
        self.name, self.kernel, self.types = harness.name, kernel, types
        self.harness = tuple(range(it.address, it.address + len(it.data)) for it in harness.sections)
        self.names = kernel.elf.symbols
        self.tree, self._found = tree, dict[Path, Path | None]()
        self._kernel_lines = LargeDebugInformation(kernel.elf)
        self.without_lines = "" if self._kernel_lines.known else kernel.path.name

    def source(self, address: int) -> Source | None:
        """Return the source line of the instruction at `address`: of the harness, or of the kernel."""
        if self.kernel.elf.section_at(address) is None:
            return super().source(address)
        found = self._kernel_lines.line_at(address)
        if found is None:
            return None
        path = self._in_tree(found.path) if self.tree is not None else None
        if path is None or self.tree is None:
            return Source(shortest(found.file), found.line)
        lines = self._text(self.tree / path)
        text = lines[found.line - 1].strip() if 0 < found.line <= len(lines) else ""
        return Source(str(path), found.line, text)

    def _in_tree(self, path: Path) -> Path | None:
        """Return where the source tree has the file that was `path` when the kernel was built, None: it has not."""
        if path not in self._found:
            parts = [part for part in path.parts if part not in ("/", ".", "..")]
            known = (Path(*parts[start:]) for start in range(len(parts)))
            self._found[path] = next((it for it in known if self.tree is not None and _is_file(self.tree / it)), None)
        return self._found[path]

    def place(self, symbol: str | Symbol, offset: int, size: int) -> str:
        """Spell bytes of a variable as C does, those of the kernel's per-CPU variables by its BTF."""
        name = symbol if isinstance(symbol, str) else symbol.name
        number = self._variables.get(name)
        known = self.types.field(number, offset, size) if number is not None else ""
        return f"{name}{known}" if known else super().place(symbol, offset, size)

    def _part(self, symbol: Symbol, path: str) -> range | None:
        number = self._variables.get(symbol.name)
        return self.types.part(number, path) if number is not None else super()._part(symbol, path)

    @cached_property
    def _variables(self) -> dict[str, int]:
        """The types of the per-CPU variables by name: BTF knows no others."""
        kinds = ((number, self.types.kind(number)) for number in range(1, len(self.types)))
        found = (self.types[number] for number, kind in kinds if kind is TypeKind.VAR)
        return {variable.name: variable.other for variable in found}


def _is_file(path: Path) -> bool:
    """Return whether there is such a file; of a damaged name there is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def task_struct_of(kernel: Vmlinux, types: Btf) -> TaskStruct:
    """Return where the kernel's task_struct has its members; raise `ImageError` where its BTF does not say."""
    places = {name: types.member("task_struct", path) or range(0) for name, path in MEMBERS.items()}
    number = types.named("task_struct", TypeKind.STRUCT)
    size = types.size(number) if number is not None else 0
    if kernel.arch.preempt_count_variable is not None:
        places["preempt_count"] = range(0)  # it is a per-CPU variable
    for name in _NEEDED:
        if not places[name] and (name != "preempt_count" or kernel.arch.preempt_count_variable is None):
            raise ImageError(
                f"the BTF of {kernel.path} has no task_struct.{MEMBERS[name]}; the layout of tasks cannot be known: "
                "take a vmlinux with CONFIG_DEBUG_INFO_BTF"
            )
    assert number is not None
    found = TaskStruct.of(size, places, f"the BTF of {kernel.path}")
    address = kernel.elf.address("init_task")
    fresh = kernel.read(address, size)
    if fresh is None:
        raise ImageError(f"{kernel.path}: init_task at {address:#x} is in no section; the file is damaged")

    def member(offset: int, length: int) -> str:
        return types.field(number, offset, length).lstrip(".")

    flag = NOT_RESCHEDULED[kernel.arch.elf_machine]
    return replace(found, not_rescheduled=flag, fresh=fresh, address=address, member=member)


def _sections(kernel: Vmlinux, patches: Mapping[int, bytes]) -> list[Section]:
    found = []
    for header in kernel.elf.sections:
        if not header.loaded or not header.size or header.name.startswith(_LEFT_OUT):
            continue
        data = after_boot(kernel.read(header.address, header.size) or b"", header.address, patches)
        section = Section(header.name, header.address, data, False, header.executable)
        found.append(replace(section, until_written=header.writable))
    template = kernel.per_cpu
    percpu = kernel.read(template.start, len(template))
    if percpu is None:
        raise ImageError(f"{kernel.path}: the per-CPU area {template.start:#x} is in no section; the file is damaged")
    return [*found, Section("the kernel's per-CPU area", template.start, percpu, False, False, until_written=True)]

