"""Two tiny programs, run against one another one instruction at a time, on plain numbers: a second opinion.

It knows nothing of slices, ranges or graphs: a state is the registers of both programs and every byte of memory with
its owner. Nothing is left out, so that it only suits programs of a few instructions on a few bytes.
"""

import itertools
import random
import struct
from collections.abc import Sequence
from typing import NamedTuple

from ctxrace.bpf.programs.elf.maps import Map, MapType
from ctxrace.bpf.programs.elf.object import BpfObject, Function, Reference, Target
from ctxrace.bpf.programs.isa.instruction import decode

__all__ = ["CELLS", "Found", "explore", "random_program", "tiny_object"]

CELLS = 4
"""Bytes of memory, each a cell."""

ADDRESS, VALUE, OTHER = 6, 7, 8  # registers


class Insn(NamedTuple):
    """One instruction in words: what the explorer executes, and what is encoded for the code under test."""

    word: str
    cell: int = 0
    number: int = 0


def random_program(choice: random.Random, length: int, *, strings: bool = False) -> list[Insn]:
    """A program that stores, counts, claims, tests, sends, and switches preemption off around some of it.

    strings: it also writes strings of unknown length, to the upper half of the cells, which it never loads.
    """
    body: list[Insn] = []
    off = False
    while len(body) < length:
        cell, kind = choice.randrange(CELLS), choice.randrange(12)
        if strings and kind < 7:
            cell %= CELLS // 2
        if strings and kind < 2:
            first = choice.randrange(CELLS // 2, CELLS)
            body.append(Insn("string", first, choice.randrange(1, CELLS - first + 1)))
        elif kind < 3:
            body.append(Insn("store", cell, choice.randrange(3)))
        elif kind < 5:
            body += [Insn("load", cell), Insn("count", 0, choice.choice((1, 3))), Insn("put", cell)]
        elif kind < 7:
            body += [Insn("load", cell), Insn("unless", 0, choice.randrange(3))]
        elif kind == 7:
            body += [Insn("claim", cell, choice.randrange(1, 3)), Insn("unless", 0, 0)]
        elif kind == 8:
            body += [Insn("toss"), Insn("unless", 0, 0)]
        elif kind == 9 and not off:
            body.append(Insn("off"))
            off = True
        elif kind == 9:
            body.append(Insn("on"))
            off = False
        else:
            first = choice.randrange(CELLS)
            body.append(Insn("send", first, choice.randrange(1, CELLS - first + 1)))
    return [*body, *([Insn("on")] if off else []), Insn("end")]


def encode(program: list[Insn]) -> tuple[bytes, dict[int, Reference]]:
    """The program's code, and what its instructions refer to. `unless` skips one word, or what belongs together."""
    chunks: list[list[bytes]] = []
    references: dict[int, Reference] = {}

    def raw(opcode: int, dst: int = 0, src: int = 0, off: int = 0, imm: int = 0) -> bytes:
        return struct.pack("<BBhi", opcode, dst | src << 4, off, imm)

    address = [raw(0x18, ADDRESS), raw(0)]
    for x in program:
        match x.word:
            case "store":
                chunks.append([raw(0x72, ADDRESS, 0, x.cell, x.number)])
            case "load":
                chunks.append([raw(0x71, VALUE, ADDRESS, x.cell)])
            case "count":
                chunks.append([raw(0x07, VALUE, imm=x.number), raw(0x57, VALUE, imm=3)])
            case "put":
                chunks.append([raw(0x73, ADDRESS, VALUE, x.cell)])
            case "claim":  # on four bytes of their own: there is no atomic operation on one
                claim = [raw(0xB7, 0), raw(0xB7, OTHER, imm=x.number), raw(0xC3, ADDRESS, OTHER, 4 + 4 * x.cell, 0xF1)]
                chunks.append([*claim, raw(0xBF, VALUE, 0)])
            case "toss":
                chunks.append([raw(0x85, imm=7), raw(0xBF, VALUE, 0), raw(0x57, VALUE, imm=1)])
            case "unless":
                chunks.append([raw(0x15, VALUE, imm=x.number)])
            case "off" | "on":
                chunks.append([raw(0x85, 0, 1, imm=-1)])
            case "string":
                where = [raw(0xBF, 1, ADDRESS), raw(0x07, 1, imm=x.cell), raw(0xB7, 2, imm=x.number)]
                chunks.append([*where, raw(0xB7, 3), raw(0x85, imm=114)])
            case "send":
                send = [raw(0x18, 1), raw(0), raw(0xBF, 2, ADDRESS), raw(0x07, 2, imm=x.cell)]
                chunks.append([*send, raw(0xB7, 3, imm=x.number), raw(0xB7, 4), raw(0x85, imm=130)])
            case _:
                chunks.append([raw(0xB7, 0), raw(0x95)])
    code = list(address)
    references[0] = Reference(Target.DATA, ".bss")
    starts = []
    for chunk in chunks:
        starts.append(len(code))
        code += chunk
    for number, x in enumerate(program):
        if x.word == "unless":
            to = starts[skipped(program, number)]
            code[starts[number]] = raw(0x15, VALUE, off=to - starts[number] - 1, imm=x.number)
        elif x.word in ("off", "on"):
            name = "bpf_preempt_disable" if x.word == "off" else "bpf_preempt_enable"
            references[starts[number]] = Reference(Target.EXTERN, name)
        elif x.word == "send":
            references[starts[number]] = Reference(Target.MAP, "events")
    return b"".join(code), references


def skipped(program: list[Insn], number: int) -> int:
    """Where `unless` goes on when it skips: behind the next two words, but never past a change of preemption."""
    after = number + 1
    for _ in range(2):
        if program[after].word in ("off", "on", "end"):
            break
        after += 1
    return after


def tiny_object(programs: Sequence[list[Insn]], names: Sequence[str] = ("first", "second")) -> BpfObject:
    """The object that the programs would be compiled to."""
    code, references, functions = {}, {}, {}
    for name, program in zip(names, programs, strict=True):
        raw, refers = encode(program)
        code[name], references[name] = decode(raw, name), refers
        functions[name] = Function(name, name, 0, len(raw) // 8, program=True)
    maps = {
        ".bss": Map(".bss", MapType.DATA, 4, 4 + 4 * CELLS, 1, initial=bytes(4 + 4 * CELLS)),
        "events": Map("events", MapType.RINGBUF, entries=4096),
    }
    return BpfObject("tiny", functions, maps, code, references, {}, {}, None)


class Run(NamedTuple):
    """An invocation: where it is, what it loaded (with the cell, and whether the other wrote it since), what is off."""

    at: int = 0
    value: int = 0
    source: int = -1
    loaded: int = 0
    dirty: bool = False
    off: bool = False
    begun: bool = False


class State(NamedTuple):
    running: int
    runs: tuple[Run | None, Run | None]
    memory: tuple[int, ...]
    claims: tuple[int, ...]
    owners: tuple[int, ...]


class Found(NamedTuple):
    """The bytes of which a program sends another's, and the cells where it loses an update, each with the program."""

    mixed: frozenset[tuple[int, int]]
    lost: frozenset[tuple[int, int]]


def explore(programs: tuple[list[Insn], list[Insn]], *, preempts: bool, anywhere: bool = False) -> Found:
    """Everything that can go wrong. preempts: both are tasks; otherwise the second interrupts the first.

    anywhere: memory may hold anything at first.
    """
    words = [x for program in programs for x in program]
    written_cells = {x.cell for x in words if x.word in ("store", "put")}
    # What no program writes is user space's, and may be anything from the beginning on.
    free = sorted({x.cell for x in words if x.word == "load"} - (set() if anywhere else written_cells))
    starts = [
        State(-1, (None, None), tuple(dict(zip(free, given, strict=True)).get(n, 0) for n in range(CELLS)),
              (0,) * CELLS, (-1,) * CELLS)
        for given in itertools.product(range(4), repeat=len(free))
    ]  # fmt: skip
    seen, work = set(starts), list(starts)
    mixed: set[tuple[int, int]] = set()
    lost: set[tuple[int, int]] = set()
    while work:
        for after in following(work.pop(), programs, preempts, mixed, lost):
            if after not in seen:
                seen.add(after)
                work.append(after)
    return Found(frozenset(mixed), frozenset(lost))


def following(
    state: State, programs: tuple[list[Insn], list[Insn]], preempts: bool,
    mixed: set[tuple[int, int]], lost: set[tuple[int, int]],
) -> list[State]:  # fmt: skip
    side = state.running
    if side < 0:
        return [begin(state, who) for who in (0, 1)]
    mine, other = state.runs[side], state.runs[1 - side]
    assert mine is not None
    found = execute(state, side, programs[side], mixed, lost)
    if preempts and not mine.off:
        found.append(state._replace(running=1 - side) if other else begin(state, 1 - side))
    if not preempts and side == 0 and other is None:
        found.append(begin(state, 1))
    return found


def begin(state: State, who: int) -> State:
    runs = (Run(), state.runs[1]) if who == 0 else (state.runs[0], Run())
    return state._replace(running=who, runs=runs)


def execute(
    state: State, side: int, program: list[Insn], mixed: set[tuple[int, int]], lost: set[tuple[int, int]]
) -> list[State]:  # fmt: skip
    mine = state.runs[side]
    assert mine is not None
    x = program[mine.at]
    if x.word in ("store", "load", "put", "claim", "send", "string") and not mine.begun:
        # What the other did before the first access is as if it had been before the beginning.
        mine = mine._replace(begun=True)
        state = state._replace(owners=tuple(-1 if owner == 1 - side else owner for owner in state.owners))
    mine = mine._replace(at=mine.at + 1)
    match x.word:
        case "store":
            return [written(state, side, mine, x.cell, x.number)]
        case "load":
            value = state.memory[x.cell]
            return [kept(state, side, mine._replace(value=value, source=x.cell, loaded=value, dirty=False))]
        case "count":
            return [kept(state, side, mine._replace(value=mine.value + x.number & 3))]
        case "put":
            if mine.source == x.cell and mine.dirty and state.memory[x.cell] != mine.loaded:
                lost.add((side, x.cell))
            return [written(state, side, mine._replace(source=-1, dirty=False), x.cell, mine.value)]
        case "claim":
            before = state.claims[x.cell]
            if not before:
                claims = tuple(x.number if n == x.cell else was for n, was in enumerate(state.claims))
                state = state._replace(claims=claims)
            return [kept(state, side, mine._replace(value=before, source=-1))]
        case "string":
            found = [kept(state, side, mine)]
            for cell in range(x.cell, x.cell + x.number):  # ever longer ones
                longer = written(found[-1], side, mine, cell, 0)
                after = longer.runs[side]
                assert after is not None
                mine = after
                found.append(longer)
            return found
        case "toss":
            return [kept(state, side, mine._replace(value=value, source=-1)) for value in (0, 1)]
        case "unless":
            to = skipped(program, mine.at - 1) if mine.value == x.number else mine.at
            return [kept(state, side, mine._replace(at=to))]
        case "off" | "on":
            return [kept(state, side, mine._replace(off=x.word == "off"))]
        case "send":
            mixed.update((side, n) for n in range(x.cell, x.cell + x.number) if state.owners[n] == 1 - side)
            return [kept(state, side, mine)]
        case _:
            runs = (None, state.runs[1]) if side == 0 else (state.runs[0], None)
            idle = runs[1 - side] is None
            owners = (-1,) * CELLS if idle else state.owners
            return [state._replace(running=-1 if idle else 1 - side, runs=runs, owners=owners)]


def kept(state: State, side: int, mine: Run) -> State:
    return state._replace(runs=(mine, state.runs[1]) if side == 0 else (state.runs[0], mine))


def written(state: State, side: int, mine: Run, cell: int, value: int) -> State:
    memory = tuple(value if n == cell else was for n, was in enumerate(state.memory))
    owners = tuple(side if n == cell else was for n, was in enumerate(state.owners))
    other = state.runs[1 - side]
    if other is not None and other.source == cell:
        other = other._replace(dirty=True)
    runs = (mine, other) if side == 0 else (other, mine)
    return state._replace(memory=memory, owners=owners, runs=runs)
