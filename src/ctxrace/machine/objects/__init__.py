"""Relocatable objects as a compiler or a kernel build leaves them: what they define, and one program made of several.

Start with `relocatable`. May import: machine, core.
"""
