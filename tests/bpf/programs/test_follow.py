"""One program alone: what it may touch, worked out by hand from the C source."""

import pytest

from ctxrace.bpf.programs.elf.object import load_object
from ctxrace.bpf.programs.follow.alone import Graph, follow_alone
from ctxrace.bpf.programs.follow.operands import Code, Doubt

from .compiled import compile_text, compiled

Accesses = set[tuple[str, str, object, int, int, bool]]


def followed(path_name: str, program: str) -> Graph:
    code = Code(load_object(compiled(path_name)))
    function = code.object.functions[program]
    return follow_alone(code, function.section, function.start)


def accesses(graph: Graph) -> Accesses:
    return {
        (access.kind, access.region.name, access.region.key, access.low, access.high, access.exact)
        for facts in graph.facts.values()
        for access in facts.accesses
    }


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        # A loop is one access that may go to any of its bytes.
        ("in_loop", {("w", "records", 0, 4, 64, False)}),
        ("in_subprogram", {("w", "records", 0, 0, 4, True)}),
        ("in_callback", {("w", "records", 0, 4, 36, False)}),
        ("by_tail_call", {("w", "records", 0, 0, 4, True)}),
        # How much of a string is written, nobody knows.
        ("of_a_string", {("p", "records", 0, 4, 64, False)}),
    ],
)
def test_what_a_program_touches(program: str, expected: Accesses) -> None:
    graph = followed("shapes", program)
    assert accesses(graph) == expected
    assert graph.doubts == {}


def test_loops_are_known() -> None:
    graph = followed("shapes", "in_loop")
    (loop,) = graph.loops
    assert loop.heads <= loop.nodes == graph.repeated
    assert len(loop.heads) == 1


def test_a_timer_brings_its_callback() -> None:
    code = Code(load_object(compiled("shapes")))
    function = code.object.functions["starts_timer"]
    ((kind, section, slot, map_name),) = follow_alone(code, function.section, function.start).callbacks
    assert (kind, code.object.function_at(section, slot), map_name) == ("timer", "on_timer", "timed")


HEADER = '#include "program.h"\n'


@pytest.mark.parametrize(
    ("body", "why", "what"),
    [
        ("static void (*f)(void) = (void *)999; f();", Doubt.HELPER, "helper 999"),
        ("extern void bpf_unheard_of(void) __ksym; bpf_unheard_of();", Doubt.KFUNC, "bpf_unheard_of"),
    ],
)
def test_what_is_not_known_is_named(body: str, why: Doubt, what: str) -> None:
    path = compile_text(f'{HEADER}SEC("raw_tp/x") int program(void *ctx) {{ {body} return 0; }}')
    loaded = load_object(path)
    function = loaded.functions["program"]
    assert list(follow_alone(Code(loaded), function.section, 0).doubts) == [(why, what)]
    assert follow_alone(Code(loaded, frozenset({what})), function.section, 0).doubts == {}, "the user says so"


@pytest.mark.parametrize("place", ["r10 - 520", "r10 + 0", "r10 - 4096"])
def test_what_is_beyond_the_stack_is_named(place: str) -> None:
    """The verifier lets none of it through; a damaged object may have it all the same."""
    body = f'asm volatile("r1 = 0; *(u64 *)({place}) = r1; r1 = *(u64 *)({place});" ::: "r1", "memory");'
    loaded = load_object(compile_text(f'{HEADER}SEC("raw_tp/x") int program(void *ctx) {{ {body} return 0; }}'))
    function = loaded.functions["program"]
    doubts = follow_alone(Code(loaded), function.section, 0).doubts
    assert len(doubts) == 2
    assert all(why is Doubt.ADDRESS and what.endswith("is beyond the stack") for why, what in doubts)
