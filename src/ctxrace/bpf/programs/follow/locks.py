"""Helpers and kfuncs that keep others away: they count what is off."""

from collections.abc import Callable

from ctxrace.bpf.programs.follow.helpers import Routine
from ctxrace.bpf.programs.follow.operands import Operands
from ctxrace.bpf.programs.follow.state import IRQ_OFF, PREEMPT_OFF, Node
from ctxrace.bpf.programs.follow.values import UNKNOWN, constant, ranged

__all__ = ["COUNTING"]


def _preempt_disable(o: Operands, _routine: Routine) -> Node:
    o.env.count(PREEMPT_OFF, 1)
    return o.returns(UNKNOWN)


def _preempt_enable(o: Operands, _routine: Routine) -> Node:
    o.env.count(PREEMPT_OFF, -1)
    return o.returns(UNKNOWN)


def _irq_save(o: Operands, _routine: Routine) -> Node:
    o.env.count(IRQ_OFF, 1)
    return o.returns(UNKNOWN)


def _irq_restore(o: Operands, _routine: Routine) -> Node:
    o.env.count(IRQ_OFF, -1)
    return o.returns(UNKNOWN)


def _spin_lock(o: Operands, _routine: Routine) -> Node:
    """Interrupts are off while a lock is held: __bpf_spin_lock_irqsave() in kernel/bpf/helpers.c."""
    return _irq_save(o, _routine)


def _spin_unlock(o: Operands, _routine: Routine) -> Node:
    return _irq_restore(o, _routine)


def _res_spin_lock(o: Operands, routine: Routine) -> Node:
    """bpf_res_spin_lock() switches preemption off, its irqsave variant interrupts too; both may fail."""
    location = IRQ_OFF if routine.name.endswith("irqsave") else PREEMPT_OFF
    if o.world.choose(2):
        return o.returns(ranged((1 << 64) - 4095, (1 << 64) - 1))
    o.env.count(location, 1)
    return o.returns(constant(0))


def _res_spin_unlock(o: Operands, routine: Routine) -> Node:
    o.env.count(IRQ_OFF if routine.name.endswith("irqrestore") else PREEMPT_OFF, -1)
    return o.returns(UNKNOWN)


COUNTING: dict[str, Callable[[Operands, Routine], Node | None]] = {
    "preempt_disable": _preempt_disable,
    "preempt_enable": _preempt_enable,
    "irq_save": _irq_save,
    "irq_restore": _irq_restore,
    "spin_lock": _spin_lock,
    "spin_unlock": _spin_unlock,
    "res_spin_lock": _res_spin_lock,
    "res_spin_unlock": _res_spin_unlock,
}
"""By the names that the rows of `helpers` and `kfuncs` have."""
