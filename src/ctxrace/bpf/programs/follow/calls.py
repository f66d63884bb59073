"""Calls of helpers and kfuncs: what they do to memory, what they return, what they call in turn."""

from collections.abc import Callable

from ctxrace.bpf.programs.elf.maps import Map, MapType
from ctxrace.bpf.programs.elf.object import Reference, Target
from ctxrace.bpf.programs.follow.helpers import HELPERS, Routine
from ctxrace.bpf.programs.follow.kfuncs import KFUNCS
from ctxrace.bpf.programs.follow.locks import COUNTING
from ctxrace.bpf.programs.follow.operands import Code, Doubt, Operands
from ctxrace.bpf.programs.follow.state import STACK_SIZE, Node, register
from ctxrace.bpf.programs.follow.values import (
    UNKNOWN,
    Lost,
    Pointer,
    Region,
    Scalar,
    Space,
    Spot,
    Value,
    constant,
    origins_of,
    ranged,
)
from ctxrace.bpf.programs.isa.instruction import POISON, Kind

__all__ = ["CPU", "PID_TGID", "TASK", "call_routine", "callback_arguments", "draws", "result_of"]

CPU, PID_TGID, TASK = ("cpu",), ("pid_tgid",), ("task",)
"""Names of values that the surroundings of an invocation fix."""

ARRAYS = (MapType.ARRAY, MapType.PERCPU_ARRAY)
STORAGE = (MapType.TASK_STORAGE, MapType.SK_STORAGE, MapType.INODE_STORAGE, MapType.CGRP_STORAGE,
           MapType.CGROUP_STORAGE, MapType.PERCPU_CGROUP_STORAGE)  # fmt: skip
IN_PLACE = (*ARRAYS, MapType.PERCPU_HASH, MapType.LRU_PERCPU_HASH)
MAY_EXIST = (constant(0), constant(2))  # BPF_ANY, BPF_EXIST
MOST_ELEMENTS = 16  # of an array, that an index may choose among and are still told apart
BUFFER = 1 << 29  # BPF_MAX_VAR_SIZ in include/linux/bpf_verifier.h: the most that a size may be


def call_routine(o: Operands, reference: Reference | None) -> Node | None:
    """Call a helper or a kfunc. reference: the kfunc's relocation. Returns the node that comes next."""
    if o.x.imm == POISON and (what := o.code.object.unresolved.get(o.node.section, {}).get(o.node.slot)):
        o.world.doubt(o.node, Doubt.UNRESOLVED, what)
        return None
    routine = _routine(o, reference)
    if routine.special:
        return _SPECIAL[routine.special.rstrip("0123456789")](o, routine)
    _affect(o, routine)
    if routine.sleeps:
        o.world.sleep(o.node)
    return o.returns(_result(o, routine.returns))


def _affect(o: Operands, routine: Routine) -> None:
    for effect in routine.effects:
        low, high = (effect.fixed, effect.fixed) if not effect.size else _sizes(o.get(effect.size))
        o.copy(effect.kind, o.get(effect.pointer), low, high)


def draws(code: Code, node: Node) -> bool:
    """Return whether an instruction calls a routine whose result says nothing of what it was given."""
    x = code.instruction(node)
    if x.form.kind is not Kind.CALL:
        return False
    reference = code.reference(node)
    if reference is not None:
        known = KFUNCS.get(reference.name) if reference.target is Target.EXTERN else None
    else:
        known = None if x.src else HELPERS.get(x.imm)
    return known is not None and (not known.special or known.special in _DRAWING)


def result_of(o: Operands) -> Node:
    """Go on behind a call that `draws`, with its result, and without anything else that it does."""
    reference = o.code.reference(o.node)
    return o.returns(_result(o, _routine(o, reference).returns))


_DRAWING = ("update", "delete", "push", "pop")


def _routine(o: Operands, reference: Reference | None) -> Routine:
    if reference is not None:
        name, known, why = reference.name, KFUNCS.get(reference.name), Doubt.KFUNC
    else:
        name, known, why = f"helper {o.x.imm}", HELPERS.get(o.x.imm), Doubt.HELPER
        if o.x.src:
            name, known, why = f"kfunc {o.x.imm}", None, Doubt.KFUNC
    if known is None and name not in o.code.assumed:
        o.world.doubt(o.node, why, name)
    return known or Routine(name)


def _result(o: Operands, word: str) -> Value:
    match word:
        case "cpu":
            return Scalar(0, (1 << 32) - 1, CPU)
        case "pid_tgid":
            return Scalar(0, (1 << 64) - 1, PID_TGID)
        case "task":
            return Pointer((Spot(Region(Space.KERNEL, "current"), 0, 0),), name=TASK)
        case "kernel":
            return _kernel_pointer(o)
        case "32":
            return o.unknown(32)
        case _:
            return o.unknown(64)


def _kernel_pointer(o: Operands, *, null: bool = True) -> Pointer:
    """Return a pointer to memory of the kernel, which is none of a program's."""
    found = o.unknown(64)
    return Pointer((Spot(Region(Space.KERNEL, ""), 0, 0),), null, found.name, found.origins)


def _sizes(value: Value) -> tuple[int, int]:
    """Return the least and the most that a size may be."""
    if not isinstance(value, Scalar) or value.high > BUFFER:
        return (value.low if isinstance(value, Scalar) and value.low <= BUFFER else 0), BUFFER
    return value.low, value.high


# Maps


def _maps(o: Operands, number: int) -> list[Map | None]:
    """Return the maps that an argument may be; None stands for one that is not known."""
    value = o.get(number)
    if not isinstance(value, Pointer):
        return [None]
    found: list[Map | None] = []
    for spot in value.spots:
        name = spot.region.name
        known = o.code.object.maps.get(name.removesuffix(".inner"))
        if spot.region.space is not Space.MAP or known is None:
            found.append(None)
        else:
            found.append(known.inner if name.endswith(".inner") else known)
    return found


def _element(o: Operands, found: Map | None, key: Value) -> Value:
    """Return a pointer to the element of a map that `key` points to, or NULL."""
    place = ("?", o.code.number(o.node))
    if found is None:
        o.world.doubt(o.node, Doubt.ADDRESS, "a map that is not known")
        return UNKNOWN
    if found.type in (MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS):
        return Pointer((Spot(Region(Space.MAP, f"{found.name}.inner"), 0, 0),), null=True)
    if found.name.endswith(".inner"):
        return _pointer(o, found, (place,), null=True)
    number = _key(o, found, key)
    if isinstance(number, Scalar) and number.low == number.high:
        if found.type in ARRAYS:
            return constant(0) if number.low >= found.entries else _pointer(o, found, (number.low,), null=False)
        return _pointer(o, found, (number.low,), null=True)
    if isinstance(number, Scalar) and number.name in (CPU, PID_TGID, ("low", PID_TGID)):
        return _pointer(o, found, (number.name,), null=True)
    if isinstance(number, Scalar) and found.type in ARRAYS and number.low < found.entries:
        keys = range(number.low, min(number.high + 1, found.entries))
        if len(keys) <= MOST_ELEMENTS:
            return _pointer(o, found, tuple(keys), null=number.high >= found.entries)
    return _pointer(o, found, (place,), null=True)


def _key(o: Operands, found: Map, pointer: Value) -> Value | None:
    """Return the key that `pointer` points to, where it is one number."""
    if found.key_size not in (1, 2, 4, 8) or not isinstance(pointer, Pointer):
        o.copy("r", pointer, found.key_size, found.key_size)
        return None
    return o.read(pointer, 0, found.key_size)


def _pointer(o: Operands, found: Map, keys: tuple[object, ...], *, null: bool) -> Pointer:
    spots = tuple(Spot(Region(Space.ELEMENT, found.name, key), 0, 0) for key in keys)
    name = o.world.name(o.node) if null else None
    return Pointer(spots, null, name, frozenset((o.code.number(o.node),)))


def _lookup(o: Operands, _routine: Routine) -> Node:
    found: Value | None = None
    for each in _maps(o, 1):
        element = _element(o, each, o.get(2))
        found = element if found is None else _either(found, element)
    return o.returns(UNKNOWN if found is None else found)


def _either(first: Value, second: Value) -> Value:
    if isinstance(first, Pointer) and isinstance(second, Pointer):
        return Pointer((*first.spots, *second.spots), True, None, origins_of(first, second))
    return first._replace(null=True) if isinstance(first, Pointer) else second


def _lookup_percpu(o: Operands, _routine: Routine) -> Node:
    """The element is this CPU's or another's."""
    place = ("?", o.code.number(o.node))
    o.read(o.get(2), 0, 4)
    known = [each for each in _maps(o, 1) if each is not None]
    return o.returns(_pointer(o, known[0], (place,), null=True) if known else UNKNOWN)


def _update(o: Operands, _routine: Routine) -> Node:
    for found in _maps(o, 1):
        size = found.value_size if found else 0
        o.copy("s", o.get(3), size, size)
        element = _element(o, found, o.get(2))
        # An array's element and that of a per-CPU hash are overwritten; another hash takes a new element, which nobody
        # sees who looked up the old one.
        if found and found.type in (*IN_PLACE, *STORAGE) and isinstance(element, Pointer):
            surely = found.type in ARRAYS and not element.null and o.get(4) in MAY_EXIST
            o.copy("w" if surely else "p", element, size, size)
    return o.returns(o.unknown())


def _delete(o: Operands, _routine: Routine) -> Node:
    for found in _maps(o, 1):
        if found and found.type not in STORAGE:
            o.copy("r", o.get(2), found.key_size, found.key_size)
    return o.returns(o.unknown())


def _storage(o: Operands, _routine: Routine) -> Node:
    place: object = ("?", o.code.number(o.node))
    known = [found for found in _maps(o, 1) if found is not None]
    owner = o.get(2)
    if isinstance(owner, Pointer) and owner.name == TASK:
        place = TASK
    if not known:
        o.world.doubt(o.node, Doubt.ADDRESS, "a map that is not known")
        return o.returns(UNKNOWN)
    initial = o.get(3)
    if isinstance(initial, Pointer) and known[0].type not in (MapType.CGROUP_STORAGE, MapType.PERCPU_CGROUP_STORAGE):
        o.copy("r", initial, known[0].value_size, known[0].value_size)
    return o.returns(_pointer(o, known[0], (place,), null=True))


def _push(o: Operands, _routine: Routine) -> Node:
    for found in _maps(o, 1):
        size = found.value_size if found else 0
        o.copy("s", o.get(2), size, size)
    return o.returns(o.unknown())


def _pop(o: Operands, _routine: Routine) -> Node:
    for found in _maps(o, 1):
        size = found.value_size if found else 0
        o.copy("p", o.get(2), size, size)
    return o.returns(o.unknown())


def _kptr_xchg(o: Operands, _routine: Routine) -> Node:
    o.write(o.get(1), 0, 8, UNKNOWN)
    return o.returns(_kernel_pointer(o))


def _reserve(o: Operands, _routine: Routine) -> Node:
    """A record belongs to the invocation that reserves it, until it is submitted."""
    name = o.world.name(o.node)
    region = Region(Space.RECORD, "", o.code.number(o.node))
    return o.returns(Pointer((Spot(region, 0, 0),), True, name, frozenset((o.code.number(o.node),))))


def _dynptr_from_mem(o: Operands, _routine: Routine) -> Node:
    if o.shared(o.get(1), 0) != ():
        o.world.doubt(o.node, Doubt.DYNPTR, "bpf_dynptr_from_mem")
    return _opaque(o, 4)


def _private_dynptr(o: Operands, routine: Routine) -> Node:
    return _opaque(o, int(routine.special[-1]))


def _opaque(o: Operands, number: int) -> Node:
    """The argument is an object on the stack that only routines look into."""
    o.copy("w", o.get(number), 16, 16)
    return o.returns(o.unknown())


def _dynptr_data(o: Operands, _routine: Routine) -> Node:
    return o.returns(_kernel_pointer(o))


def _slice(o: Operands, _routine: Routine) -> Node:
    """What is there is copied to the buffer, and that is returned; or a pointer to where it is."""
    buffer, (low, high) = o.get(3), _sizes(o.get(4))
    o.copy("p", buffer, low, high)
    found = _kernel_pointer(o)
    if isinstance(buffer, Pointer):
        return o.returns(found._replace(spots=(*found.spots, *buffer.spots)))
    return o.returns(UNKNOWN if isinstance(buffer, Lost) else found)


# What is called in turn


def callback_arguments(o: Operands, word: str) -> tuple[Value, ...]:
    """Return r1 to r5 of a callback of the routine that is followed under `word`."""
    known = [found for found in _maps(o, 1) if found is not None] if word == "each_element" else []
    match word:
        case "loop":
            turns = o.get(1)
            most = turns.high - 1 if isinstance(turns, Scalar) and turns.high else (1 << 32) - 1
            return ranged(0, min(most, (1 << 32) - 1)), o.get(3), UNKNOWN, UNKNOWN, UNKNOWN
        case "each_element":
            value: Value = UNKNOWN
            if known and known[0].type not in (MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS):
                value = _pointer(o, known[0], (("?", o.code.number(o.node)),), null=False)
            return o.get(1), UNKNOWN, value, o.get(3), UNKNOWN
        case "find_vma":
            return UNKNOWN, UNKNOWN, o.get(4), UNKNOWN, UNKNOWN
        case "less":
            return _kernel_pointer(o, null=False), _kernel_pointer(o, null=False), UNKNOWN, UNKNOWN, UNKNOWN
        case _:
            return UNKNOWN, o.get(3), UNKNOWN, UNKNOWN, UNKNOWN


def _calling(o: Operands, routine: Routine) -> Node:
    """Call the callback once more, or end. The call itself is executed again after each turn."""
    function = o.get(3 if routine.special in ("find_vma", "less") else 2)
    spots = function.spots if isinstance(function, Pointer) else ()
    if len(spots) != 1 or spots[0].region.space is not Space.CODE:
        o.world.doubt(o.node, Doubt.CALL, routine.name)
        return o.returns(o.unknown())
    if o.world.choose(2) == 0:
        return o.returns(o.unknown())
    region = spots[0].region
    return o.enter(region.name, region.key, routine.special, callback_arguments(o, routine.special))


def _less(o: Operands, routine: Routine) -> Node:
    """bpf_rbtree_add() calls a function for nodes of the tree, and then changes it."""
    _affect(o, routine)
    return _calling(o, routine)


def _tail_call(o: Operands, _routine: Routine) -> Node | None:
    """Go on in one of the programs that the array may hold, or behind the call where there is none."""
    targets: list[str] = []
    for found in _maps(o, 2):
        held = o.code.tail_calls.get(found.name, found.programs) if found else ()
        targets += held or o.code.same_kind(o.node)
    targets = list(dict.fromkeys(targets))
    choice = o.world.choose(1 + len(targets))
    if choice == 0:
        return o.returns(o.unknown())
    function = o.code.object.functions[targets[choice - 1]]
    context = o.get(1)
    o.env.leave(o.depth)
    o.env.set(register(o.depth, 1), context)
    return Node(o.node.frame, function.section, function.start)


def _throw(_o: Operands, _routine: Routine) -> None:
    """bpf_throw() ends the program."""


def _iterator_new(o: Operands, _routine: Routine) -> Node:
    stack = o.get(1)
    if isinstance(stack, Pointer) and stack.spots[0].region.space is Space.STACK:
        o.copy("w", stack, min(8, STACK_SIZE), 8)
    return o.returns(o.unknown())


def _iterator_next(o: Operands, _routine: Routine) -> Node:
    return o.returns(_kernel_pointer(o))


_SPECIAL: dict[str, Callable[[Operands, Routine], Node | None]] = {
    "lookup": _lookup,
    "lookup_percpu": _lookup_percpu,
    "update": _update,
    "delete": _delete,
    "storage": _storage,
    "push": _push,
    "pop": _pop,
    "kptr_xchg": _kptr_xchg,
    "reserve": _reserve,
    "dynptr_from_mem": _dynptr_from_mem,
    "private_dynptr": _private_dynptr,
    "dynptr_data": _dynptr_data,
    "slice": _slice,
    "less": _less,
    "loop": _calling,
    "each_element": _calling,
    "find_vma": _calling,
    "drain": _calling,
    "tail_call": _tail_call,
    **COUNTING,
    "throw": _throw,
    "iterator_new": _iterator_new,
    "iterator_next": _iterator_next,
}
