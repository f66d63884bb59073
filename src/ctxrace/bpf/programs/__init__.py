"""BPF objects: which programs may meet on a CPU, and what happens when they do."""
