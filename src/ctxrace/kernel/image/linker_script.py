"""How the linker places the sections of a program that is no kernel: where a kernel's image has them."""

from ctxrace.machine.arch import Architecture

__all__ = ["linker_script"]

_LINKER_SCRIPT = """\
SECTIONS {
  . = %#x;
  .text : { *(.text .text.*) }
  .rodata : ALIGN(4096) { *(.rodata .rodata.*) }
  .ctxrace 0 (INFO) : { KEEP(*(.ctxrace)) }
  .data : ALIGN(4096) { *(.data .data.[!.]*) }
  .bss : { *(.bss .bss.* COMMON) }
  .data..percpu : ALIGN(4096) { *(.data..percpu .data..percpu..*) }
  /DISCARD/ : { *(.comment .note.* .ctxrace.refs) }
}
"""

def linker_script(arch: Architecture) -> str:
    """Return how the linker is to place the sections of a kernel image of `arch`."""
    return _LINKER_SCRIPT % arch.text
