"""Claims: a reviewer's numbered steps, read, executed and judged."""
