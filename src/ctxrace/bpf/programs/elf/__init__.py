"""BPF objects: ELF, BTF, maps and relocations."""
