"""The contexts of a kernel as a `core.System`.

`system` is one CPU, `smp` several; `contexts` takes a step of one context, `flows` evaluates each step once.
`layout` says where things are in memory, `monitor` judges the properties, `build` puts a system together.
Start with `state`, then `system`. May import: kernel.rules, kernel.properties, kernel.scenario, machine, core.
"""
