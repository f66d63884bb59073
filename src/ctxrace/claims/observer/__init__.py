"""What follows a run of the kernel for a claim, step by step.

Start with `observer`. May import: claims.syntax, claims.resolve, kernel, explore, core.
"""
