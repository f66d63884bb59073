"""Kfuncs that work on a program's memory: lists, trees, slices, and what runs later."""

import pytest

from ctxrace.bpf.programs.request import Request
from ctxrace.bpf.programs.whole import check_object, find, placed_programs
from ctxrace.core.meeting import Defect, ProgramsResult
from ctxrace.explore.watch import Limits

from .compiled import compile_text
from .verdicts import kernel

QUEUES = """
#include "program.h"
struct node { __u64 links[3]; __u64 number; };
struct queue { __u32 lock; __u64 head[2]; __u64 root[2]; };
struct { __uint(type, ARRAY); __type(key, __u32); __type(value, struct queue); __uint(max_entries, 1); }
queues SEC(".maps");
extern struct node *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;
extern int bpf_list_push_back_impl(void *head, void *node, void *meta, __u64 off) __ksym;
extern struct node *bpf_list_pop_front(void *head) __ksym;
extern int bpf_rbtree_add_impl(void *root, void *node, void *less, void *meta, __u64 off) __ksym;
__u64 compared;

static struct queue *queue(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&queues, &zero);
}

static _Bool less(struct node *a, const struct node *b)
{
	compared++;
	return a->number < b->number;
}

SEC("raw_tp/push") int push(__u64 *ctx)
{
	struct node *node = bpf_obj_new_impl(1, 0);
	struct queue *q = queue();

	if (!node || !q)
		return 0;
	node->number = ctx[0];
	bpf_spin_lock(&q->lock);
	bpf_list_push_back_impl(q->head, node, 0, 0);
	bpf_spin_unlock(&q->lock);
	return 0;
}

SEC("raw_tp/pop") int pop(__u64 *ctx)
{
	struct queue *q = queue();
	struct node *node;

	if (!q)
		return 0;
	bpf_spin_lock(&q->lock);
	node = bpf_list_pop_front(q->head);
	bpf_spin_unlock(&q->lock);
	if (node)
		bpf_obj_drop_impl(node, 0);
	return 0;
}

#define SORT(name, lock, unlock) \\
SEC("raw_tp/" #name) int name(__u64 *ctx) \\
{ \\
	struct node *node = bpf_obj_new_impl(1, 0); \\
	struct queue *q = queue(); \\
	if (!node || !q) \\
		return 0; \\
	lock; \\
	bpf_rbtree_add_impl(q->root, node, less, 0, 0); \\
	unlock; \\
	return 0; \\
}
SORT(sort, bpf_spin_lock(&q->lock), bpf_spin_unlock(&q->lock))
SORT(sort_alone, , )
"""

SLICES = """
#include "program.h"
struct event { char header[64]; };
struct { __uint(type, PERCPU_ARRAY); __type(key, __u32); __type(value, struct event); __uint(max_entries, 1); }
scratch SEC(".maps");
struct { __uint(type, RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
extern int bpf_dynptr_from_skb(void *skb, __u64 flags, void *dynptr) __ksym;
extern void *bpf_dynptr_slice(const void *dynptr, __u64 offset, void *buffer, __u64 size) __ksym;

#define PROGRAM(name) \\
SEC("raw_tp/" #name) int name(__u64 *ctx) \\
{ \\
	__u32 zero = 0; \\
	struct event *event = bpf_map_lookup_elem(&scratch, &zero); \\
	__u64 dynptr[2]; \\
	char *found; \\
	if (!event || bpf_dynptr_from_skb((void *)ctx[0], 0, dynptr)) \\
		return 0; \\
	found = bpf_dynptr_slice(dynptr, 0, event->header, 64); \\
	if (found) \\
		bpf_ringbuf_output(&events, found, 64, 0); \\
	return 0; \\
}
PROGRAM(first)
PROGRAM(second)
"""

LATER = """
#include "program.h"
struct work { __u64 work[1]; __u64 turns; };
struct { __uint(type, ARRAY); __type(key, __u32); __type(value, struct work); __uint(max_entries, 1); }
works SEC(".maps");
extern int bpf_task_work_schedule_resume(void *task, void *work, void *map, void *callback, void *aux) __ksym;

static int later(void *map, void *key, struct work *value)
{
	value->turns++;
	return 0;
}

SEC("raw_tp/now") int now(__u64 *ctx)
{
	__u32 zero = 0;
	struct work *work = bpf_map_lookup_elem(&works, &zero);

	if (work)
		bpf_task_work_schedule_resume(bpf_get_current_task_btf(), work->work, &works, later, 0);
	return 0;
}
"""

IGNORED = frozenset({Defect.MISSED})


def checked(text: str, *programs: str) -> ProgramsResult:
    request = Request(kernel("7.0", "full"), programs, ignored=IGNORED)
    result = check_object(compile_text(text), request, limits=Limits(max_states=5_000))
    assert not result.unfollowed
    return result


def found(result: ProgramsResult) -> set[tuple[str, str]]:
    return {(each.outcome.value, f"{each.defect} {each.memory}") for each in result.findings}


@pytest.mark.parametrize(("first", "second"), [("push", "pop"), ("push", "push"), ("pop", "pop")])
def test_a_list_under_its_lock(first: str, second: str) -> None:
    assert not found(checked(QUEUES, first, second))


def test_the_head_of_a_list_is_shared() -> None:
    request = Request(kernel(), ("push", "pop"))
    programs = placed_programs(request.load(compile_text(QUEUES)), request).programs
    memory = {(one, other): [each.name for each in regions] for one, other, regions in find(programs, request)}
    assert memory == {(0, 0): ["queues"], (0, 1): ["queues"], (1, 1): ["queues"]}


def test_a_tree_calls_what_compares_its_nodes() -> None:
    """Under the lock, nobody comes between the load and the store of the counter in there."""
    assert not found(checked(QUEUES, "sort"))
    assert ("violated", "lost update .bss") in found(checked(QUEUES, "sort", "sort_alone"))


def test_a_slice_may_be_its_buffer() -> None:
    assert ("violated", "unmixed scratch[0]") in found(checked(SLICES))


def test_the_work_of_a_task_is_a_program() -> None:
    request = Request(kernel("7.2", "full"))
    programs = placed_programs(request.load(compile_text(LATER)), request).programs
    assert [(each.function.name, each.placement.section.name) for each in programs] == [
        ("now", "raw_tp/now"), ("later", "task_work"),
    ]  # fmt: skip
