"""Facts as English sentences: the only place that words them, one module for each kind of fact.

Start with `turn`. May import: core.
"""
