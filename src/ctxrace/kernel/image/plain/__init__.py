"""A kernel in the form in which it boots: no ELF symbols, and on arm64 no sections.

`convert`: recognises such files, and has vmlinux-to-elf write their own symbol table into an ELF file.
`kallsyms_elf`: reads what that tool writes. Start there. May import: machine, core.
"""
