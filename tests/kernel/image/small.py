"""A vmlinux that the tests build themselves: arm64 code with BTF, per-CPU data, a static key and an alternative."""

import struct
import subprocess
import sys
from pathlib import Path

from tests.machine.test_btf import Writer

from ctxrace.machine.btf import TypeKind

SOURCE = Path(__file__).parent / "small_vmlinux.c"

SCRIPT = """\
SECTIONS {
  . = 0xffff800080000000;
  _text = .;
  .text : { *(.text .text.*) }
  . = ALIGN(4096);
  _etext = .;
  .rodata : { *(.rodata .rodata.*) }
  .BTF : { __start_BTF = .; KEEP(*(.BTF)) __stop_BTF = .; }
  . = ALIGN(4096);
  __init_begin = .;
  .altinstructions : { __alt_instructions = .; *(.altinstructions) __alt_instructions_end = .; }
  .data..percpu : ALIGN(4096) { __per_cpu_start = .; *(.data..percpu) __per_cpu_end = .; }
  . = ALIGN(8);
  __pi_rela_start = .;
  . = . + 72;
  __pi_rela_end = .;
  . = ALIGN(4096);
  __init_end = .;
  .data : { *(.data .data.*)
    . = ALIGN(8); __start___jump_table = .; KEEP(*(__jump_table)) __stop___jump_table = .; }
  _edata = .;
  .bss : { __bss_start = .; *(.bss) }
  _end = .;
}
"""

HARNESS = """\
#include <linux/sched.h>

extern int guard_enter(void);
extern void guard_exit(void);

noinline void body(void) { barrier(); }

void attempt(void)
{
	if (guard_enter())
		body();
	guard_exit();
}

CTXRACE_TASKS(2, attempt);
CTXRACE_EXCLUSIVE(body);
"""


def types() -> bytes:
    """The kernel's BTF, written by hand."""
    w = Writer()
    u16, u64, signed = w.int_("unsigned short", 2), w.int_("unsigned long", 8), w.int_("int", 4, signed=True)
    pointer = w.type(TypeKind.PTR, "", 0)
    info = w.struct_("thread_info", 16, ("flags", u64, 0), ("preempt_count", u64, 8))
    members = [("thread_info", info, 0), ("self", pointer, 16), ("pid", signed, 24), ("migration_disabled", u16, 28)]
    chain = w.struct_("list_head", 16, ("next", pointer, 0), ("prev", pointer, 8))
    lists = [("tasks", chain, 40), ("children", chain, 56), ("sibling", chain, 72)]
    w.struct_("task_struct", 88, *members, ("bpf_ctx", pointer, 32), *lists)
    w.struct_("arm64_cpu_capabilities", 16, ("desc", pointer, 0), ("capability", u16, 8))
    variable = w.type(TypeKind.VAR, "counter", signed, rest=struct.pack("<I", 1))
    w.type(TypeKind.DATASEC, ".data..percpu", 16, 1, struct.pack("<III", variable, 0, 4))
    return w.data()


def build(
    folder: Path, *, btf: bool = True, more: tuple[str, ...] = ("-gdwarf-aranges",), link: tuple[str, ...] = ()
) -> Path:
    """Build the kernel in `folder`, and return it.

    btf: whether it has BTF; more: flags for the compiler; link: flags for the linker.
    """
    (folder / "script").write_text(SCRIPT)
    (folder / "types").write_bytes(types())
    (folder / "btf.S").write_text('.section .BTF, "a"\n.incbin "types"\n' if btf else "")
    compiler = [sys.executable, "-m", "ziglang", "clang", "-target", "aarch64-linux-none"]
    flags = ["-O2", "-g", "-ffreestanding", "-fno-pic", "-mgeneral-regs-only", "-fno-sanitize=all", *more]
    for source in (str(SOURCE), "btf.S"):
        command = [*compiler, *flags, "-c", source, "-o", Path(source).stem + ".o"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    linker = [sys.executable, "-m", "ziglang", "ld.lld", "-T", "script", "--no-relax", *link, "-o", "vmlinux"]
    subprocess.run([*linker, "small_vmlinux.o", "btf.o"], cwd=folder, check=True, capture_output=True)
    return folder / "vmlinux"
