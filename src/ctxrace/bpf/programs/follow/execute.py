"""One instruction of a program, on values: what it leaves in registers and on the stack, and where it leads."""

from collections.abc import Callable

from ctxrace.bpf.programs.elf.maps import MapType
from ctxrace.bpf.programs.elf.object import Reference, Target
from ctxrace.bpf.programs.follow.calls import call_routine, result_of
from ctxrace.bpf.programs.follow.comparisons import decide, mirrored, refine
from ctxrace.bpf.programs.follow.kfuncs import KFUNCS
from ctxrace.bpf.programs.follow.operands import Code, Doubt, Operands, World
from ctxrace.bpf.programs.follow.state import Env, Node, register
from ctxrace.bpf.programs.follow.values import (
    UNKNOWN,
    Lost,
    Pointer,
    Region,
    Scalar,
    Space,
    Spot,
    Value,
    alu,
    constant,
    extend,
    swapped,
)
from ctxrace.bpf.programs.isa.instruction import PSEUDO_CALL, Kind

__all__ = ["execute", "execute_result"]


def execute(code: Code, node: Node, env: Env, world: World) -> Node | None:
    """Execute the instruction at `node` on `env`, which changes. Return the node that comes next; None at the end."""
    operands = Operands(code, node, env, world)
    return _EXECUTE[operands.x.form.kind](operands)


def execute_result(code: Code, node: Node, env: Env, world: World) -> Node:
    """Execute of the call at `node`, which draws its result, nothing but that it returns. Return what comes next."""
    return result_of(Operands(code, node, env, world))


def _alu(o: Operands) -> Node:
    x, bits = o.x, o.x.form.bits
    match x.operation:
        case "end":
            swap = x.form.register or bits == 64
            o.set(x.dst, swapped(o.get(x.dst), x.imm, swap=swap))
        case "movsx":
            o.set(x.dst, extend(o.get(x.src), x.off, bits))
        case "addr_space_cast":
            o.world.doubt(o.node, Doubt.ARENA, "addr_space_cast")
            o.set(x.dst, UNKNOWN)
        case "neg":
            o.set(x.dst, alu("neg", bits, o.get(x.dst), constant(0)))
        case "mov":
            o.set(x.dst, alu("mov", bits, UNKNOWN, o.second()))
        case "xor" | "sub" if x.form.register and x.src == x.dst:
            o.set(x.dst, constant(0))
        case operation:
            o.set(x.dst, alu(operation, bits, o.get(x.dst), o.second()))
    return o.next()


def _constant(o: Operands) -> Node:
    reference = o.code.reference(o.node)
    if reference is not None and reference.target is Target.DATA and (
        o.code.object.maps[reference.name].type is MapType.ARENA
    ):  # fmt: skip
        o.world.doubt(o.node, Doubt.ARENA, reference.name)
        o.set(o.x.dst, UNKNOWN)
    else:
        o.set(o.x.dst, o.second() if reference is None else _address(reference))
    return o.next(2)


def _address(reference: Reference) -> Value:
    match reference.target:
        case Target.MAP:
            region, offset = Region(Space.MAP, reference.name), 0
        case Target.DATA:
            region, offset = Region(Space.DATA, reference.name), reference.offset
        case Target.FUNCTION:
            region, offset = Region(Space.CODE, reference.name, reference.offset), 0
        case Target.EXTERN:
            missing = reference.weak and reference.name not in KFUNCS
            return Pointer((Spot(Region(Space.KERNEL, reference.name), 0, 0),), missing)
    return Pointer((Spot(region, offset, offset),))


def _load(o: Operands) -> Node:
    x, size = o.x, o.x.form.bits // 8
    value = o.read(o.get(x.src), x.off, size)
    if x.form.signed:
        value = extend(value, x.form.bits, 64)
    o.set(x.dst, value)
    return o.next()


def _store(o: Operands) -> Node:
    x = o.x
    value = o.second()
    if x.form.bits < 64:
        value = alu("and", 64, value, constant((1 << x.form.bits) - 1)) if isinstance(value, Scalar) else UNKNOWN
    o.write(o.get(x.dst), x.off, x.form.bits // 8, value)
    return o.next()


def _atomic(o: Operands) -> Node:
    x, size = o.x, o.x.form.bits // 8
    operation = x.operation
    if operation == "load_acquire":
        o.set(x.dst, o.read(o.get(x.src), x.off, size))
    elif operation == "store_release":
        o.write(o.get(x.dst), x.off, size, o.get(x.src))
    else:
        expected = o.get(0) if operation == "cmpxchg" else UNKNOWN
        before = _exchange(o, o.get(x.dst), size, operation, o.get(x.src), expected)
        if operation == "cmpxchg":
            o.set(0, before)
        elif operation == "xchg" or operation.startswith("fetch_"):
            o.set(x.src, before)
    return o.next()


def _exchange(o: Operands, pointer: Value, size: int, operation: str, operand: Value, expected: Value) -> Value:
    spots = o.shared(pointer, o.x.off)
    if spots == ():  # of the stack, which nobody does, or of the kernel
        o.write(pointer, o.x.off, size, UNKNOWN)
        return o.unknown(8 * size)
    return o.world.atomic(o.node, spots, size, operation, operand, expected)


def _packet(o: Operands) -> Node | None:
    """BPF_LD | BPF_ABS and BPF_IND end the program where the packet is too short."""
    if o.world.choose(2):
        return o.leave()
    o.clobber()
    o.set(0, o.unknown(32))
    return o.next()


def _goto(o: Operands) -> Node:
    return o.node._replace(slot=o.x.target)


def _may_goto(o: Operands) -> Node:
    return o.node._replace(slot=o.x.target) if o.world.choose(2) else o.next()


def _goto_register(o: Operands) -> None:
    o.world.doubt(o.node, Doubt.JUMP, str(o.x))


def _branch(o: Operands) -> Node:
    x, operation, bits = o.x, o.x.operation, o.x.form.bits
    first, second = o.get(x.dst), o.second()
    taken = decide(operation, bits, first, second)
    if taken is None:
        taken = o.world.choose(2) == 0
        narrowed = refine(operation, bits, first, second, taken=taken)
        if narrowed is not None and narrowed != first:
            _narrow(o, x.dst, first, narrowed)
        other = mirrored(operation)
        if x.form.register and other is not None:
            narrowed = refine(other, bits, second, first, taken=taken)
            if narrowed is not None and narrowed != second:
                _narrow(o, x.src, second, narrowed)
    return Node(o.node.frame, o.node.section, x.target) if taken else o.next()


def _narrow(o: Operands, number: int, before: Value, after: Value) -> None:
    """Let a register hold less, and with it whatever else has the same name."""
    o.env.values[register(o.depth, number)] = after
    name = None if isinstance(before, Lost) else before.name
    if name is not None:
        for location, value in list(o.env.values.items()):
            if value == before:
                o.env.values[location] = after
        for location, (size, value) in list(o.env.slots.items()):
            if value == before:
                o.env.slots[location] = size, after


def _call(o: Operands) -> Node | None:
    reference = o.code.reference(o.node)
    if reference is not None and reference.target is Target.FUNCTION:
        return o.enter(reference.name, reference.offset)
    if o.x.src == PSEUDO_CALL and reference is None:
        return o.enter(o.node.section, o.node.slot + 1 + o.x.imm)
    return call_routine(o, reference)


def _call_register(o: Operands) -> Node | None:
    pointer = o.get(o.x.dst)
    if isinstance(pointer, Pointer) and len(pointer.spots) == 1 and pointer.spots[0].region.space is Space.CODE:
        region = pointer.spots[0].region
        return o.enter(region.name, region.key)
    o.world.doubt(o.node, Doubt.CALL, str(o.x))
    o.clobber()
    o.set(0, UNKNOWN)
    return o.next()


def _exit(o: Operands) -> Node | None:
    return o.leave()


_EXECUTE: dict[Kind, Callable[[Operands], Node | None]] = {
    Kind.ALU: _alu,
    Kind.CONSTANT: _constant,
    Kind.LOAD: _load,
    Kind.STORE: _store,
    Kind.ATOMIC: _atomic,
    Kind.PACKET: _packet,
    Kind.GOTO: _goto,
    Kind.MAY_GOTO: _may_goto,
    Kind.GOTO_REGISTER: _goto_register,
    Kind.BRANCH: _branch,
    Kind.CALL: _call,
    Kind.CALL_REGISTER: _call_register,
    Kind.EXIT: _exit,
}
