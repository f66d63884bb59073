"""A reviewer's numbered steps, executed: possible, or why not.

`syntax` and `parse`: what a claim says. `resolve`: what it means for a program. `observer`: reads a run for it.
`decide` answers, `explain` says why a step is impossible. Start with `syntax`.
May import: kernel, machine, explore, core.
"""
