"""What of the code a search has executed: the lines and branches of the entries, and the conditions of checks."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from ctxrace.core.source import Branch, Coverage, Line, Source
from ctxrace.kernel.model.smp import SmpSystem
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.program import INCLUDE
from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.inputs import resolved
from ctxrace.machine.liveness import calls, successors
from ctxrace.machine.pcode import Instruction, Op

__all__ = ["coverage_of", "no_check_is_executed"]

_HEADERS = f"/{'/'.join(INCLUDE.parts[-3:])}/"
"""The end of where they lie: what another installation has compiled may come from the cache."""


def coverage_of(system: KernelSystem | SmpSystem, *, complete: bool) -> Coverage:
    """Return which lines and branches the search of `system` has executed; complete: whether it saw all states."""
    first = system.cpus[0]
    paths = _paths(system)
    executed, ways = _executed(paths), _ways(paths)
    lines: dict[Source, tuple[str, int]] = {}
    in_headers = dict[Path, bool]()
    for address in first.flows.machine.liveness.addresses:
        source, path = first.image.source(address), first.image.source_path(address)
        if source is None or path is None or not source.line:
            continue
        if path not in in_headers:
            in_headers[path] = _HEADERS in resolved(str(path))
        if not in_headers[path]:
            function = first.image.function_at(address)
            name, steps = lines.get(source, (function.name if function else "", 0))
            lines[source] = (name, max(steps, executed[address]))
    ordered = sorted(lines.items(), key=lambda item: (item[0].file, item[0].line))
    names = {source: name for source, (name, _) in ordered}
    executed_lines = tuple(Line(source, *found) for source, found in ordered)
    return Coverage(executed_lines, complete, tuple(_branches(first, ways, names)))


def _branches(system: KernelSystem, ways: Counter[int], listed: Mapping[Source, str]) -> Iterator[Branch]:
    """Yield the branches between the lines that are `listed`, each with its function, by file and number.

    Of a check that decides whether it fails, the way to the failure is none: that nobody goes it is what is proved.
    """
    machine, image = system.flows.machine, system.image
    conditions = set(_conditions(system))
    found: dict[tuple[Source, Source], int] = {}
    for address, elsewhere in machine.liveness.branches.items():
        if address in conditions:
            continue
        source = image.source(address)
        if source is None or source not in listed:
            continue
        for target, steps in ((elsewhere, ways[~address]), (machine.code[address].following, ways[address])):
            to = _leads_to(system, target)
            if to is not None and to in listed and not _traps(machine.code[target], machine.arch):
                found[source, to] = max(found.get((source, to), 0), steps)
    for (source, to), steps in sorted(found.items(), key=lambda item: _by_lines(*item[0])):
        yield Branch(source, to, listed[source], steps)


def _leads_to(system: KernelSystem, target: int) -> Source | None:
    """Return the line of what is done first at `target`: the first access to memory, call or branch from there on.

    What a compiler puts before it, such as a constant, often has the line of another statement.
    """
    machine, address = system.flows.machine, target
    while machine.liveness.reaches(address):
        instruction = machine.code[address]
        straight = successors(instruction) == ([instruction.following], False, False)
        if not straight or any(map(_touches_memory, instruction.ops)):
            return system.image.source(address)
        address = instruction.following
    return None


def _touches_memory(op: Op) -> bool:
    spaces = [node.space for node in (*op.inputs, op.output) if node is not None]
    return op.opcode in ("LOAD", "STORE") or "ram" in spaces


def _by_lines(*sources: Source) -> list[tuple[str, int]]:
    return [(source.file, source.line) for source in sources]


def _traps(instruction: Instruction, arch: Architecture) -> bool:
    """Return whether an instruction only ends the run, as BUG() does: that nobody gets there is what is proved."""
    return any(op.user in arch.traps for op in instruction.ops[:1])


def no_check_is_executed(system: KernelSystem | SmpSystem) -> bool:
    """Return whether the entries have ctxrace_check()s, and the search has executed the condition of none."""
    conditions = list(_conditions(system.cpus[0]))
    if not conditions:
        return False
    executed = _executed(_paths(system))
    return not any(executed[address] for address in conditions)


def _executed(paths: Mapping[tuple[int, ...], int]) -> Counter[int]:
    """Return the addresses of the instructions executed, each with the number of steps that did."""
    found = Counter[int]()
    for path, steps in paths.items():
        for address in {max(way, ~way) for way in path}:
            found[address] += steps
    return found


def _ways(paths: Mapping[tuple[int, ...], int]) -> Counter[int]:
    """Return the ways on from the instructions executed (see `Memory.passes`), each with how many steps went it."""
    found = Counter[int]()
    for path, steps in paths.items():
        for way in path:
            found[way] += steps
    return found


def _paths(system: KernelSystem | SmpSystem) -> Counter[tuple[int, ...]]:
    """Return the paths of all steps, each with how many steps took it, which are often many."""
    return Counter(outcome.path for cpu in system.cpus for _, outcome in cpu.flows.outcomes())


def _conditions(system: KernelSystem) -> Iterator[int]:
    """Return the branches that decide whether a check fails, on the ways to the call that says so.

    They are the last branch, and those before it that are of the same source line: ``a || b`` is two branches.
    """
    machine = system.flows.machine
    if not machine.checks:
        return
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
