"""BPF: the recursion guards, the programs of an object, and the thread's statements. Nothing below knows BPF.

Start with a guard's C file in guards/, then caller.py (the trampoline that calls it) and guards/case.py (one check).
system/ and trampolines/ are the C and assembler that are compiled with a guard; specification/ is the same system as a
page of Python, a second judge; thread/ checks statements; programs/ decides two programs of an object.
May import: claims, kernel, machine, explore, core.
"""
