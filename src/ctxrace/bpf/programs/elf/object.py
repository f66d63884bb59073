"""A BPF object, ready to be followed: programs, subprograms, maps, and what each relocated instruction refers to."""

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from ctxrace.bpf.programs.elf.container import Container, Section, SymbolKind, read_container
from ctxrace.bpf.programs.elf.extension import Extension, Relocation, read_extension
from ctxrace.bpf.programs.elf.maps import Map, MapType, data_maps, declared_maps, legacy_maps
from ctxrace.bpf.programs.isa.instruction import PSEUDO_CALL, SIZE, Instruction, Kind, decode
from ctxrace.core.errors import ImageError
from ctxrace.core.interleaving import Source
from ctxrace.machine.btf import Btf, TypeKind

__all__ = ["BpfObject", "Function", "Reference", "Target", "Variable", "load_object", "variable_at"]

NOWHERE = Source("", 0)


class Target(StrEnum):
    """What a relocation refers to."""

    MAP = "map"
    DATA = "data"
    FUNCTION = "function"
    EXTERN = "extern"


@dataclass(frozen=True, slots=True)
class Reference:
    """What an instruction refers to: a map; global data at `offset`; a function at slot `offset`; the kernel's own.

    weak: whether it may be missing.
    """

    target: Target
    name: str
    offset: int = 0
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function: its section, and its slots there. program: whether it is an entry that user space can attach."""

    name: str
    section: str
    start: int
    end: int
    program: bool


@dataclass(frozen=True, slots=True)
class Variable:
    """A global variable, in bytes of its section. BTF has no offsets before libbpf fills them in from the symbols."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True)
class BpfObject:
    """A whole object.

    code: the instructions by section and slot; references: what the relocated ones refer to, in the same way.
    adapted: the instructions that a loader has yet to adapt to a kernel (CO-RE); relocated: how many it adapts in all.
    kernel_types: the file with the types of the kernel that it is adapted to, empty for none; unresolved: what the
    instructions are about of which that kernel has nothing.
    """

    path: str
    functions: dict[str, Function]
    maps: dict[str, Map]
    code: dict[str, dict[int, Instruction]]
    references: dict[str, dict[int, Reference]]
    adapted: dict[str, dict[int, Relocation]]
    lines: dict[str, list[tuple[int, Source]]]
    btf: Btf | None
    variables: dict[str, list[Variable]] = field(default_factory=dict)
    relocated: int = 0
    kernel_types: str = ""
    unresolved: dict[str, dict[int, str]] = field(default_factory=dict)

    @property
    def programs(self) -> tuple[Function, ...]:
        """The programs, in the order of the file."""
        return tuple(function for function in self.functions.values() if function.program)

    def source(self, section: str, slot: int) -> Source:
        """Return the source line of an instruction; one without a file where it is not known."""
        rows = self.lines.get(section, [])
        found = bisect.bisect_right(rows, slot, key=lambda row: row[0])
        return rows[found - 1][1] if found else NOWHERE

    def function_at(self, section: str, slot: int) -> str:
        """Return the name of the function that an instruction is in."""
        for function in self.functions.values():
            if function.section == section and function.start <= slot < function.end:
                return function.name
        return f"{section}+{slot * SIZE:#x}"


def load_object(path: Path) -> BpfObject:
    """Read a BPF object that clang wrote. Raises `ImageError` where it is damaged; `OSError` where there is none."""
    container = read_container(path)
    try:
        return _load(container, str(path))
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from None


def _load(container: Container, path: str) -> BpfObject:
    section = container.named(".BTF")
    btf = Btf(section.data) if section else None
    extension = Extension({}, {})
    if btf and (found := container.named(".BTF.ext")):
        extension = read_extension(found.data, btf)
    maps = {each.name: each for each in _maps(container, btf)}
    code = {s.name: decode(s.data, s.name) for s in container.sections if s.executable and s.size}
    functions = {function.name: function for function in _functions(container)}
    if not any(function.program for function in functions.values()):
        raise ImageError("there is no program in it: none of its functions has a section of its own (SEC(\"...\"))")
    relocator = _Relocator(container, maps, code)
    references = {s.name: relocator.references(s) for s in container.sections if s.executable and s.size}
    lines, variables = extension.lines, _variables(container)
    adapted = extension.relocations
    relocated = sum(map(len, adapted.values()))
    loaded = BpfObject(path, functions, maps, code, references, adapted, lines, btf, variables, relocated)
    _check_calls(loaded)
    return loaded


def _maps(container: Container, btf: Btf | None) -> Iterator[Map]:
    yield from legacy_maps(container)
    yield from data_maps(container, btf)
    if btf is None:
        if container.named(".maps"):
            raise ImageError("its maps are defined in BTF, and it has no section .BTF; compile with -g")
        return
    filled = _program_arrays(container)
    for found in declared_maps(btf):
        yield replace(found, programs=filled.get(found.name, ()))


def _program_arrays(container: Container) -> dict[str, tuple[str, ...]]:
    """Return which programs the maps of programs hold from the beginning (``.values = { ... }``)."""
    found: dict[str, tuple[str, ...]] = {}
    for number, section in enumerate(container.sections):
        if section.name != ".maps":
            continue
        holders = [s for s in container.symbols if s.section == number and s.kind == SymbolKind.OBJECT]
        for at, which in section.relocations:
            target = container.symbols[which] if which < len(container.symbols) else None
            holder = next((s for s in holders if s.value <= at < s.value + s.size), None)
            if target and holder and target.kind == SymbolKind.FUNCTION:
                found[holder.name] = (*found.get(holder.name, ()), target.name)
    return found


def _functions(container: Container) -> Iterator[Function]:
    for symbol in container.symbols:
        if symbol.kind == SymbolKind.FUNCTION and symbol.section is not None:
            if symbol.section >= len(container.sections) or symbol.value % SIZE or symbol.size % SIZE:
                raise ImageError(f"function {symbol.name} begins or ends within an instruction; the file is damaged")
            section = container.sections[symbol.section]
            start, end = symbol.value // SIZE, (symbol.value + symbol.size) // SIZE
            if not section.executable or end * SIZE > len(section.data) or start == end:
                raise ImageError(f"function {symbol.name} is not within the code of section {section.name}")
            yield Function(symbol.name, section.name, start, end, program=section.name != ".text")


def _variables(container: Container) -> dict[str, list[Variable]]:
    found: dict[str, list[Variable]] = {}
    for symbol in container.symbols:
        if symbol.kind == SymbolKind.OBJECT and symbol.section is not None and symbol.section < len(container.sections):
            section = container.sections[symbol.section].name
            found.setdefault(section, []).append(Variable(symbol.name, symbol.value, symbol.size))
    return found


class _Relocator:
    def __init__(self, container: Container, maps: dict[str, Map], code: dict[str, dict[int, Instruction]]) -> None:
        self.container, self.maps, self.code = container, maps, code

    def references(self, section: Section) -> dict[int, Reference]:
        """Return what the relocated instructions of `section` refer to."""
        found = {}
        for at, which in section.relocations:
            instruction = self.code[section.name].get(at // SIZE)
            if instruction is None or at % SIZE or which >= len(self.container.symbols):
                raise ImageError(f"{section.name}+{at:#x} is relocated and is no instruction; the file is damaged")
            found[at // SIZE] = self.reference(section.name, instruction, which)
        return found

    def reference(self, where: str, x: Instruction, which: int) -> Reference:
        symbol = self.container.symbols[which]
        if symbol.section is None:
            return Reference(Target.EXTERN, symbol.name, weak=symbol.weak)
        if symbol.section >= len(self.container.sections):
            raise ImageError(f"symbol {symbol.name} is in no section; the file is damaged")
        section = self.container.sections[symbol.section]
        whole = symbol.kind == SymbolKind.SECTION
        if section.name in ("maps", ".maps"):
            if symbol.name not in self.maps:
                raise ImageError(f"{where}+{x.index * SIZE:#x} refers to map {symbol.name}, which is not declared")
            return Reference(Target.MAP, symbol.name)
        if section.executable:
            if x.form.kind is Kind.CALL:
                # libbpf, bpf_object__reloc_code: the immediate counts slots from the symbol, less one.
                slot = symbol.value // SIZE + (x.imm + 1 if whole else 0)
            else:
                slot = symbol.value // SIZE + (x.imm // SIZE if whole else 0)
            return Reference(Target.FUNCTION, section.name, slot)
        if section.name in self.maps and self.maps[section.name].type in (MapType.DATA, MapType.ARENA):
            return Reference(Target.DATA, section.name, symbol.value + (x.imm & 0xFFFFFFFF))
        raise ImageError(
            f"{where}+{x.index * SIZE:#x} refers to {symbol.name or section.name} in section {section.name}, which is "
            "neither code nor a map nor global data"
        )


def _check_calls(loaded: BpfObject) -> None:
    """Raise `ImageError` where a call or jump leads to no instruction."""
    for section, code in loaded.code.items():
        for slot, x in code.items():
            reference = loaded.references[section].get(slot)
            target: tuple[str, int] | None = None
            if x.form.kind in (Kind.BRANCH, Kind.GOTO, Kind.MAY_GOTO):
                target = section, x.target
            elif reference and reference.target is Target.FUNCTION:
                target = reference.name, reference.offset
            elif x.form.kind is Kind.CALL and x.src == PSEUDO_CALL and reference is None:
                target = section, slot + 1 + x.imm
            if target and target[1] not in loaded.code.get(target[0], {}):
                raise ImageError(f"{section}+{slot * SIZE:#x} leads to no instruction ({target[0]}, slot {target[1]})")


def variable_at(loaded: BpfObject, section: str, offset: int, size: int) -> str:
    """Return how C spells global data at `offset` of a section; empty where that is not known."""
    for variable in loaded.variables.get(section, ()):
        if variable.offset <= offset < variable.offset + max(variable.size, 1):
            known = loaded.btf.named(variable.name, TypeKind.VAR) if loaded.btf else None
            if loaded.btf is None or known is None:
                return variable.name
            return variable.name + loaded.btf.field(loaded.btf[known].other, offset - variable.offset, size)
    return ""
