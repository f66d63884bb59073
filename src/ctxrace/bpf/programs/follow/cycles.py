"""The cycles of a graph."""

from collections.abc import Iterator, Mapping, Sequence

__all__ = ["cycles"]


def cycles(successors: Mapping[int, Sequence[int]]) -> Iterator[frozenset[int]]:
    """Yield the sets of nodes that lead back to themselves: Tarjan's algorithm, without recursion."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on: set[int] = set()
    for root in successors:
        if root in index:
            continue
        work = [(root, iter(successors[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on.add(root)
        while work:
            node, rest = work[-1]
            for after in rest:
                if after not in index:
                    index[after] = low[after] = len(index)
                    stack.append(after)
                    on.add(after)
                    work.append((after, iter(successors[after])))
                    break
                if after in on:
                    low[node] = min(low[node], index[after])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component: list[int] = []
                    while not component or component[-1] != node:
                        component.append(stack.pop())
                    on.difference_update(component)
                    if len(component) > 1 or node in successors[node]:
                        yield frozenset(component)
