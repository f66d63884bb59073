"""The observer of a claim: it reads a run of the kernel step by step.

Start with `observer`. May import: claims.syntax, claims.resolve, kernel, explore, core.
"""
