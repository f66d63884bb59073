"""What of the code a search has executed: the lines of the entries, and the conditions of checks."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ctxrace.core.source import Coverage, Line, Source
from ctxrace.kernel.model.smp import SmpSystem
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.program import INCLUDE
from ctxrace.machine.liveness import calls, successors

__all__ = ["coverage_of", "no_check_is_executed"]


def coverage_of(system: KernelSystem | SmpSystem, *, complete: bool) -> Coverage:
    """Return which lines the search of `system` has executed; complete: whether it saw all states."""
    first = system.cpus[0]
    executed = _executed(system)
    lines: dict[Source, tuple[str, int]] = {}
    # By the end of its path: what another installation has compiled may come from the cache.
    headers, in_headers = f"/{'/'.join(INCLUDE.parts[-3:])}/", dict[str, bool]()
    for address in first.flows.machine.liveness.addresses:
        source = first.image.source(address)
        if source is None or not source.line:
            continue
        if source.file not in in_headers:
            in_headers[source.file] = headers in str(Path(source.file).resolve())
        if not in_headers[source.file]:
            function = first.image.function_at(address)
            name, steps = lines.get(source, (function.name if function else "", 0))
            lines[source] = (name, max(steps, executed[address]))
    ordered = sorted(lines.items(), key=lambda item: (item[0].file, item[0].line))
    return Coverage(tuple(Line(source, *found) for source, found in ordered), complete)


def no_check_is_executed(system: KernelSystem | SmpSystem) -> bool:
    """Return whether the entries have ctxrace_check()s, and the search has executed the condition of none."""
    conditions = list(_conditions(system.cpus[0]))
    executed = _executed(system)
    return bool(conditions) and not any(executed[address] for address in conditions)


def _executed(system: KernelSystem | SmpSystem) -> Counter[int]:
    """Return the addresses of the instructions executed, each with the number of steps that did."""
    outcomes = (outcome for cpu in system.cpus for _, outcome in cpu.flows.outcomes())
    return Counter(address for outcome in outcomes for address in outcome.path)


def _conditions(system: KernelSystem) -> Iterator[int]:
    """Return the branches that decide whether a check fails, on the ways to the call that says so.

    They are the last branch, and those before it that are of the same source line: ``a || b`` is two branches.
    """
    machine = system.flows.machine
    before: dict[int, list[int]] = {}
    for address in machine.liveness.addresses:
        instruction = machine.code[address]
        back = [instruction.following] if calls(instruction) else []
        for following in (*successors(instruction)[0], *back):
            before.setdefault(following, []).append(address)
    for check in machine.checks:
        for call in before.get(check, ()):
            yield from _branches_before(system, before, call)


def _branches_before(system: KernelSystem, before: dict[int, list[int]], call: int) -> Iterator[int]:
    machine, line = system.flows.machine, system.image.source(call)
    waiting, seen = [(call, True)], {call}
    while waiting:
        address, last = waiting.pop()
        origins = before.get(address, [])
        if last and not origins:
            yield address  # an entry that fails in any case
        for origin in origins:
            branches = any(op.opcode == "CBRANCH" for op in machine.code[origin].ops)
            belongs = line is not None and system.image.source(origin) == line
            if branches and (last or belongs):
                yield origin
            if origin not in seen and (belongs or not branches):
                seen.add(origin)
                waiting.append((origin, last and not branches))
