/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the compiler calls in x86-64 objects, and variables of each CPU. Stands for Linux v7.2
 * arch/x86/kernel/ftrace_64.S (__fentry__ while nothing is traced), arch/x86/lib/retpoline.S on a CPU that needs no
 * mitigation, arch/x86/kernel/setup_percpu.c, arch/x86/kernel/cpu/common.c and arch/x86/include/asm/preempt.h.
 */
	.text
.macro MODEL name
	.weak	\name
	.type	\name, @function
\name:
.endm

MODEL __fentry__
	ret
	.size	__fentry__, . - __fentry__
MODEL __x86_return_thunk
	ret
	.size	__x86_return_thunk, . - __x86_return_thunk
.irp register, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
MODEL __x86_indirect_thunk_\register
	jmp	*%\register
	.size	__x86_indirect_thunk_\register, . - __x86_indirect_thunk_\register
.endr
/* The static calls of CONFIG_PREEMPT_DYNAMIC (v7.2 kernel/sched/core.c): where a task may lose the CPU, the model says. */
.irp name, __SCT__might_resched, __SCT__cond_resched
MODEL \name
	jmp	__cond_resched
	.size	\name, . - \name
.endr
.irp name, __SCT__preempt_schedule, __SCT__preempt_schedule_notrace, preempt_schedule_thunk, preempt_schedule_notrace_thunk
MODEL \name
	ret
	.size	\name, . - \name
.endr

	.section .data..percpu, "aw"
	.balign	8
.macro VARIABLE name, size
	.weak	\name
	.type	\name, @object
	.size	\name, \size
\name:
.endm
VARIABLE current_task, 8
VARIABLE const_current_task, 8
	.quad	0
VARIABLE this_cpu_off, 8
	.quad	0
VARIABLE __stack_chk_guard, 8
VARIABLE __ref_stack_chk_guard, 8
	.quad	0
VARIABLE __preempt_count, 4
	.long	0
VARIABLE cpu_number, 4
	.long	0
