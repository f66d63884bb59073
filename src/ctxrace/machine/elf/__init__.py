"""What an ELF file says of itself: its header, its sections and symbols, and what a loader does to them.

Nothing of it is believed that contradicts the rest of the file: each number is checked where it is read. Start with
`header`. May import: `arch` and core.
"""
