"""The BPF instruction set: what the bytes mean."""
