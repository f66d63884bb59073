"""Starting compilers and keeping what they made: within limits, watched, and from flags that can be trusted.

Read `process` first, which runs one; then `cache`, which remembers a build, `flags`, which says what a flag can do, and
`programs`, which finds zig. `replacing` writes a file that a user names; `pahole` turns DWARF into BTF.
`machine.toolchain` puts them together. Imports `core`, and of `machine` only `inputs`.
"""
