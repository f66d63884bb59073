"""What is damaged: sources, claims, and the machine code of four architectures, compiled once for a run."""

import functools
import random
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bpf.programs.compiled import EXAMPLES, compiled
from tests.kernel.image import small
from tests.kernel.image.test_objects import MODULE
from tests.kernel.image.test_objects import compiled as compiled_module
from tests.kernel.random_kernels import random_text

from ctxrace.core.errors import CtxraceError
from ctxrace.core.verdict import Verdict
from ctxrace.explore.watch import Limits
from ctxrace.kernel.check import check
from ctxrace.kernel.image.linker_script import linker_script
from ctxrace.kernel.program import INCLUDE, load
from ctxrace.machine.arch import architecture
from ctxrace.machine.toolchain import FLAGS, MACHINE_FLAGS, compile_c, find_compiler

__all__ = ["ARCHS", "Machine", "bpf_objects", "claims", "kernel", "machine_code", "modules", "schedules",
           "sources"]  # fmt: skip

ARCHS = ("arm64", "arm64-be", "riscv64", "x86-64")

_EXAMPLES = Path(__file__).parent.parent.parent / "examples"
_DECLARED = """
CTXRACE_TASKS(2, any_a);
CTXRACE_NMI(any_b);
CTXRACE_EXCLUSIVE(body);
CTXRACE_BALANCED(x);
"""


# Of each kind one entry: struct alt_instr and struct jump_entry, as arm64 and x86-64 have them (Linux v7.0
# arch/*/include/asm/alternative.h, include/linux/jump_label.h), and the places of returns, retpolines and __fentry__.
_TABLES = {
    "arm64": r"""
__asm__ __volatile__("661: nop\n.pushsection .altinstructions, \"a\"\n.word 661b - ., 663f - .\n.hword 5\n.byte 4, 4\n"
	".popsection\n.pushsection .text.new, \"ax\"\n663: nop\n.popsection\n1: nop\n.pushsection __jump_table, \"aw\"\n"
	".balign 8\n.word 1b - ., 2f - .\n.quad count - .\n.popsection\n2:" : : : "memory");
""",
    "x86-64": r"""
__asm__ __volatile__("661: .byte 0x0f, 0x1f, 0x00\n.pushsection .altinstructions, \"a\"\n.long 661b - ., 663f - .\n"
	".short 117, 0\n.byte 3, 3\n.popsection\n.pushsection .text.new, \"ax\"\n663: .byte 0x66, 0x66, 0x90\n.popsection\n"
	"1: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n.pushsection __jump_table, \"aw\"\n.balign 8\n.long 1b - ., 2f - .\n"
	".quad count - .\n.popsection\n2: jmp 3f\n3:\n.pushsection .return_sites, \"a\"\n.long 2b - .\n.popsection\n"
	".pushsection __mcount_loc, \"a\"\n.quad 1b\n.popsection" : : : "memory");
""",
}


@dataclass(frozen=True)
class Machine:
    """The same program for one architecture, as an object file and linked; code: where its instructions are."""

    arch: str
    object: bytes
    linked: bytes
    code: range


@functools.cache
def sources() -> tuple[str, ...]:
    """Return C files that compile, each on its own."""
    examples = sorted([*_EXAMPLES.glob("*.c"), *_EXAMPLES.glob("hangs/*.c")])
    locks = (_EXAMPLES / "hangs" / "locks.h").read_text(encoding="utf-8")
    written = [path.read_text(encoding="utf-8").replace('#include "locks.h"', locks) for path in examples]
    choice = random.Random("sources")
    return (*written, *(random_text(choice) + _DECLARED for _ in range(8)))


@functools.cache
def claims() -> tuple[str, ...]:
    """Return claims about guards, and about a file that lies beside them."""
    return tuple(path.read_text(encoding="utf-8") for path in sorted((_EXAMPLES / "claims").glob("*.txt")))


@functools.cache
def bpf_objects() -> tuple[bytes, ...]:
    """Return objects of BPF programs."""
    return tuple(compiled(*example).read_bytes() for example in EXAMPLES)


@functools.cache
def kernel() -> tuple[bytes, bytes]:
    """Return a small kernel image for arm64, and a harness for it."""
    with tempfile.TemporaryDirectory() as folder:
        return small.build(Path(folder)).read_bytes(), small.HARNESS.encode()


@functools.cache
def modules() -> tuple[bytes, ...]:
    """Return objects that call what a kernel has, with the tables of what boot changes, for two architectures."""
    found = []
    for arch, tables in _TABLES.items():
        with tempfile.TemporaryDirectory() as folder:
            text = MODULE.replace("count += by;", f"count += by;\n{tables}")
            found.append(compiled_module(Path(folder), text=text, arch=arch).read_bytes())
    return tuple(found)


@functools.cache
def machine_code() -> tuple[Machine, ...]:
    """Return the program of a counter and one that is less simple, for each architecture."""
    counter = (_EXAMPLES / "recursion_counter.c").read_text(encoding="utf-8")
    other = next(text for text in sources() if "cmpxchg" in text and text.endswith(_DECLARED))
    return tuple(_compiled(text, arch) for arch in ARCHS for text in (counter, other))


@functools.cache
def schedules() -> tuple[tuple[Machine, str], ...]:
    """Return machine code with the schedules that violate its properties."""
    found = []
    for machine in machine_code():
        verdicts: tuple[Verdict, ...] = ()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "guard.elf"
            path.write_bytes(machine.linked)
            with suppress(CtxraceError):  # of a random program not every property can be decided
                verdicts = check(load(path, arch=machine.arch), limits=Limits(max_states=3_000)).verdicts
        shown = [verdict.interleaving for verdict in verdicts if verdict.interleaving is not None]
        found += [(machine, interleaving.schedule) for interleaving in shown if interleaving.schedule]
    return tuple(found)


def _compiled(text: str, name: str) -> Machine:
    arch = architecture(name)
    with tempfile.TemporaryDirectory() as folder:
        source, cache = Path(folder) / "guard.c", Path(folder) / "cache"
        source.write_text(text, encoding="utf-8")
        compiler = find_compiler(None, arch, cache=cache)
        script = linker_script(arch)
        built = compile_c(
            source, arch=arch, compiler=compiler, include=[INCLUDE], linker_script=script, cache=cache
        )
        flags = [*FLAGS, *MACHINE_FLAGS.get(arch.elf_machine, ()), *arch.c_flags, f"-I{INCLUDE}", "-O2"]
        made = source.with_suffix(".o")
        subprocess.run([*compiler.command, *flags, "-c", "-o", str(made), str(source)], check=True)
        image = load(built.path, arch=name).image
        linked = built.path.read_bytes()
        section = image.section(".text")
        assert section is not None
        at = linked.find(section.data)
        return Machine(name, made.read_bytes(), linked, range(at, at + len(section.data)))
