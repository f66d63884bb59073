"""Which registers can still be read, so that dead ones do not make two states differ.

A backward data-flow analysis over all code reachable from the entries, a bit for each byte of the register
file. It knows no calling convention, so that hand-written code is as welcome as a compiler's: a return may go
to after any call, and an indirect branch may read everything. Where there are indirect branches, not all calls are
known, and a return may read everything, too. That a return leads nowhere else is not assumed: the machine asks
`may_return` each time. Which register it goes through says nothing: trampolines return to their callers by ``ret x10``.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ctxrace.core.errors import ExecutionError
from ctxrace.core.limits import spend
from ctxrace.machine.drift.number import Drifting
from ctxrace.machine.evaluate import OPERATIONS
from ctxrace.machine.lift import Lifter
from ctxrace.machine.pcode import Instruction, Op, Varnode

__all__ = ["Analysis", "Liveness", "branches", "calls", "successors"]

_BETWEEN_LOOKS = 256  # instructions between two looks at the budget in force


class Analysis(NamedTuple):
    """What `Liveness` has found out of some code, see there: `at`, `branches`, `indirect`, `after_calls`."""

    live: Mapping[int, int]
    branches: Mapping[int, int]
    indirect: bool
    after_calls: Iterable[int]


class Liveness:
    """Know the live bytes of the register file before each reachable instruction."""

    def __init__(
        self, lifter: Lifter, entries: Iterable[int], *, results: bool = False, known: Analysis | None = None
    ) -> None:
        """Analyse the code that `entries` reach; results: what a function returns counts as read at its return.

        known: what was found out of the same code before; None: it is found out now.
        """
        arch = lifter.arch
        self._results = _bytes(lifter.register(arch.result)) if results else 0
        self._lifter, self._discovery = lifter, lifter.image.discovery
        # The interrupt mask and the stack pointer belong to a context wherever it stands.
        self._always = _bytes(lifter.register(arch.interrupt_mask_register)) | _bytes(
            lifter.register(arch.stack_pointer)
        )
        # What calls pass and return is told of, also where the code does not read it.
        self._told = _bytes(lifter.register(arch.argument)) | _bytes(lifter.register(arch.result))
        # They follow from which task runs on which CPU, and are never part of a context's own state.
        self._never = sum(_bytes(lifter.register(name)) for name in arch.identity_registers)
        self.indirect = False  # whether an indirect branch or call is reachable, so that more code may be
        self.after_calls: frozenset[int] = frozenset()  # where calls return to
        self._live: Mapping[int, int] = {}
        self._masks: dict[int, dict[int, int]] = {}
        self._everything = (1 << lifter.register_file_size) - 1
        self._known = known
        if known is not None:
            self._live, self.indirect, self.after_calls = known.live, known.indirect, frozenset(known.after_calls)
        else:
            code = self._reachable(entries)
            self.indirect = any(self._successors(i)[2] for i in code.values())
            self.after_calls = frozenset(i.following for i in code.values() if calls(i))
            self._live = self._solve(code)

    def at(self, address: int) -> int:
        """Return the bytes of the register file that may be read at `address` or after, as bits of a number."""
        return self._live.get(address, self._everything)

    def cut(self, address: int, words: dict[int, int]) -> tuple[tuple[int, int], ...]:
        """Return the words of the register file that matter at `address`, as sorted (offset, value), zeros left out."""
        masks = self._masks.setdefault(address, {})
        kept = []
        for offset, value in sorted(words.items()):
            mask = masks.get(offset)
            if mask is None:
                live = (self._live.get(address, self._everything) | self._always) & ~self._never
                mask = masks[offset] = _word_mask(live >> offset)
            matters = value & mask
            if type(matters) is Drifting or matters:
                kept.append((offset, matters))
        return tuple(kept)

    def without_unread(self, instruction: Instruction) -> Instruction:
        """Return `instruction` without what it computes for nobody: flags that are not read, temporaries likewise.

        Tasks need not be told apart then because a flag says something of an address that nobody asks for.
        """
        nexts, returns, anywhere = self._successors(instruction)
        inside = any(op.opcode in ("BRANCH", "CBRANCH") and op.inputs[0].space == "const" for op in instruction.ops)
        if returns or anywhere or inside:
            return instruction
        live = self._always | self._told
        for following in nexts:
            live |= self.at(following)
        kept: list[Op] = []
        read: set[Varnode] = set()
        for op in reversed(instruction.ops):
            computed = _computed(op)
            if computed is not None and not _is_read(computed, live, read):
                continue
            kept.append(op)
            for node in op.inputs:
                live |= _bytes(node)
                read.add(node)
        return instruction._replace(ops=tuple(reversed(kept)))

    def reads_later(self, address: int, register: Varnode) -> bool:
        """Return whether a byte of `register` may be read at `address` or after, before it is written."""
        return bool(self._live.get(address, self._everything) & _bytes(register))

    @property
    def addresses(self) -> list[int]:
        """The addresses of all instructions reachable by direct branches and calls, in order."""
        return sorted(self._live)

    @property
    def branches(self) -> Mapping[int, int]:
        """Of each conditional branch among them where it goes if it does not go on to the next instruction."""
        if self._known is not None:
            return self._known.branches
        found = {address: branches(self._lifter[address]) for address in self.addresses}
        return {address: target for address, target in found.items() if target is not None}

    def may_return(self, address: int) -> bool:
        """Return whether a return to `address`, which is not where an entry returns to, was taken into account."""
        return self.indirect or address in self.after_calls

    def is_after_call(self, address: int) -> bool:
        """Return whether an instruction that may be reached is a call, and `address` follows it."""
        return address in self.after_calls

    def reaches(self, address: int) -> bool:
        """Return whether direct branches and calls lead to `address`."""
        return address in self._live

    def _successors(self, instruction: Instruction) -> tuple[list[int], bool, bool]:
        nexts, returns, anywhere = successors(instruction)
        known = self._discovery
        if known is None:
            return nexts, returns, anywhere
        # A run that leaves what is known ends there, so that nothing is read after it.
        nexts = [*nexts, *known.targets(instruction.address)] if anywhere else nexts
        return [target for target in nexts if known.follows(instruction.address, target)], returns, False

    def _reachable(self, entries: Iterable[int]) -> dict[int, Instruction]:
        found: dict[int, Instruction] = {}
        waiting = list(entries)
        while waiting:
            address = waiting.pop()
            if address in found:
                continue
            try:
                instruction = self._lifter[address]
            except ExecutionError:
                continue  # not code, or unknown: an error only if a run gets there
            found[address] = instruction
            waiting.extend(self._successors(instruction)[0])
            if calls(instruction):
                waiting.append(instruction.following)
        return found

    def _solve(self, code: dict[int, Instruction]) -> dict[int, int]:
        facts = {address: (*self._successors(i), *_uses_and_defs(i)) for address, i in code.items()}
        live = dict.fromkeys(code, 0)
        order = sorted(code, reverse=True)
        changed = True
        while changed:
            changed = False
            returned = self._everything if self.indirect else self._results
            for address in self.after_calls:
                returned |= live.get(address, self._everything)
            for number, address in enumerate(order):
                if number % _BETWEEN_LOOKS == 0:
                    spend("finding out which registers are read")
                nexts, returns, anywhere, uses, defs = facts[address]
                out = self._everything if anywhere else returned if returns else 0
                for following in nexts:
                    out |= live.get(following, self._everything)
                new = uses | (out & ~defs)
                if new != live[address]:
                    live[address] = new
                    changed = True
        return live


def calls(instruction: Instruction) -> bool:
    return any(op.opcode in ("CALL", "CALLIND") for op in instruction.ops)


def branches(instruction: Instruction) -> int | None:
    """Return where a conditional branch goes if it does not go on to the next instruction; None: it is none.

    A branch to itself is none: it is a loop within the instruction, as ``rep`` makes it.
    """
    nexts, returns, anywhere = successors(instruction)
    elsewhere = [target for target in nexts if target not in (instruction.address, instruction.following)]
    conditional = instruction.following in nexts and not returns and not anywhere and not calls(instruction)
    return elsewhere[0] if conditional and len(elsewhere) == 1 else None


def successors(instruction: Instruction) -> tuple[list[int], bool, bool]:
    """Return the addresses it may go to, whether it returns, and whether it may go anywhere."""
    nexts, returns, anywhere, falls_through = [], False, False, True
    for op in instruction.ops:
        match op.opcode:
            case "BRANCH" | "CBRANCH" if op.inputs[0].space == "const":
                continue  # within the instruction
            case "CBRANCH":
                nexts.append(op.inputs[0].offset)
            case "BRANCH" | "CALL":
                nexts.append(op.inputs[0].offset)
                falls_through = False
            case "RETURN":
                returns, falls_through = True, False
            case "BRANCHIND" | "CALLIND":
                anywhere, falls_through = True, False
    # A branch inside the instruction may jump over the op that leaves it.
    if falls_through or any(op.opcode == "CBRANCH" and op.inputs[0].space == "const" for op in instruction.ops):
        nexts.append(instruction.following)
    return nexts, returns, anywhere


def _uses_and_defs(instruction: Instruction) -> tuple[int, int]:
    """Return the bytes read before they are written, and the bytes written on every path through the ops."""
    uses = defs = 0
    jumped_over = 0  # ops before this position are skipped on some path
    for position, op in enumerate(instruction.ops):
        for node in op.inputs:
            uses |= _bytes(node) & ~defs
        if op.opcode in ("CBRANCH", "BRANCH"):
            target = op.inputs[0]
            to = position + target.offset if target.space == "const" else len(instruction.ops)
            jumped_over = max(jumped_over, to)
        if op.output is not None and position >= jumped_over:
            defs |= _bytes(op.output)
    return uses, defs


def _computed(op: Op) -> Varnode | None:
    """Return the flag or the temporary that `op` computes of registers; None where it does anything else."""
    to = op.output
    if to is None or op.opcode not in OPERATIONS or any(node.space == "ram" for node in (to, *op.inputs)):
        return None
    return to if to.space == "unique" or to.size == 1 else None


def _is_read(output: Varnode, live: int, read: Iterable[Varnode]) -> bool:
    """Return whether a byte of `output` is read: of registers those of `live` are, of temporaries those in `read`."""
    if output.space == "register":
        return bool(_bytes(output) & live)
    first, end = output.offset, output.offset + output.size
    return any(it.space == output.space and it.offset < end and first < it.offset + it.size for it in read)


def _bytes(node: Varnode) -> int:
    return ((1 << node.size) - 1) << node.offset if node.space == "register" else 0


def _word_mask(live: int) -> int:
    return sum(0xFF << 8 * index for index in range(8) if live >> index & 1)
