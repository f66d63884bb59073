"""Machine code to steps: compile it, read it, lift it to p-code, and run one context of it from event to event.

Start with `flow`, which runs a context; below it are `evaluate` (one instruction), `memory` (what an access is),
`lift` and `pcode` (what an instruction does), `liveness`, `image` (what is in an ELF file) and `toolchain` (C to ELF).
`arch` has a file for each instruction set. Nothing here knows Linux.
It imports `core` alone; pypcode is used by `lift` only, pyelftools by what reads ELF files.
"""
