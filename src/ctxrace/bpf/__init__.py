"""The flagship: BPF's recursion detection. The only part that knows BPF."""
