"""One context alone, from event to event: assembler code, a stack, and a few shared bytes."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import NamedTuple

from ctxrace.machine.arch import ARCHITECTURES
from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.arch.arm64 import ARM64
from ctxrace.machine.flow import EXIT, Flow, Machine
from ctxrace.machine.image import Image, load_image
from ctxrace.machine.memory import Memory, Region, RegionKind
from ctxrace.machine.toolchain import compile_c, find_compiler

STACK = range(0x10_0000, 0x10_4000)
SHARED = 32
"""Bytes of the variable `shared`."""

MOST = 100
"""Events; no entry here has more."""

_SCRIPT = "SECTIONS {{ . = {text:#x}; .text : {{ *(.text) }} .bss : {{ *(.bss .bss.* COMMON) }} }}"
_HEAD = f"\t.bss\n\t.globl shared\n\t.balign 16\nshared: .zero {SHARED}\n\t.text\n"
_NOTHING: Mapping[str, int] = MappingProxyType({})


class Taken(NamedTuple):
    """A step: the flow that stands before the next event, and the bus of the step."""

    flow: Flow
    memory: Memory


def image_of(folder: Path, code: str, arch: Architecture = ARM64) -> Image:
    """Assemble `code`; it also sees the variable `shared`. folder: where the linked file is put."""
    built = folder / "case"
    built.write_bytes(_assembled(code, arch.name))
    return load_image(built, arch)


@cache
def _assembled(code: str, name_of_arch: str) -> bytes:
    arch = ARCHITECTURES[name_of_arch]
    with TemporaryDirectory() as name:
        source = Path(name) / "case.s"
        source.write_text(_HEAD + code, encoding="utf-8")
        compiler, script = find_compiler(None, arch, cache=Path(name)), _SCRIPT.format(text=arch.text)
        return compile_c(source, arch=arch, compiler=compiler, linker_script=script, cache=Path(name)).path.read_bytes()


def memory(image: Image, flow: Flow | None, shared: bytes = bytes(SHARED), more: Sequence[Region] = ()) -> Memory:
    """The stack as `flow` has it, the shared bytes, and `more`."""
    content = flow.stack if flow else b""
    regions = [
        Region(STACK.start, len(STACK), RegionKind.STACK, 0, "the stack"),
        Region(image.symbols["shared"].address, SHARED, RegionKind.SHARED, 0, "shared"),
        *more,
    ]
    stack = bytes(len(STACK) - len(content)) + content
    return Memory(regions, b"", shared, b"", stack, frozenset(), byte_order=image.arch.byte_order)


def alone(
    machine: Machine,
    *,
    system: Mapping[str, int] = _NOTHING,
    masked: bool = False,
    announcing: bool = False,
    more: Sequence[Region] = (),
    top: int | None = None,
    way: int = 0,
) -> list[Taken]:
    """Run `entry` from its beginning to its end; the first step has no event."""
    image, shared = machine.image, bytearray(SHARED)
    here = memory(image, None, bytes(shared), more)
    flow = machine.begin("entry", here, system, STACK, masked, top=top, way=way, announcing=announcing)
    taken = [Taken(flow, here)]
    while flow.pc != EXIT and not flow.endless:
        assert len(taken) < MOST, "it does not end"
        here = memory(image, flow, bytes(shared), more)
        flow = machine.proceed(flow, here, system, STACK, announcing=announcing)
        for write in here.writes:
            shared[write.offset : write.offset + len(write.data)] = write.data
        taken.append(Taken(flow, here))
    return taken


def stored(taken: Sequence[Taken]) -> list[int]:
    """The values that were written to shared memory, in order."""
    return [touch.value for step in taken for touch in step.memory.touches if touch.kind == "write"]


def mnemonics(machine: Machine, taken: Sequence[Taken]) -> list[str]:
    """The instructions that are events, in order."""
    return [machine.code[step.flow.pc].mnemonic for step in taken if step.flow.pc != EXIT and not step.flow.endless]


def notes(taken: Sequence[Taken]) -> list[list[tuple[str, str]]]:
    return [step.memory.notes for step in taken]
