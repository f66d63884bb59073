/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trampoline of one traced function, in the shape that arch/arm64/net/bpf_jit_comp.c of Linux v6.20 emits
 * (prepare_trampoline(), invoke_bpf_prog(), invoke_bpf_mod_ret()), and the function's patched entry.
 *
 * The JIT reaches functions through a register, and the traced function's body through the return address on the
 * stack; here both are direct branches to the same places, because behind an indirect one every register would
 * be part of a state. __bpf_tramp_enter() and __bpf_tramp_exit(), which keep the trampoline itself alive, are left out.
 */
#include "../system/attach.h"

/* The stack, from SP up. Above it are two frames: the traced function's (x29, x30), its caller's (x29, x9). */
#define RUN_CTX		0	/* struct bpf_tramp_run_ctx: cookie, saved context */
#define NARGS		16
#define ARGS		24	/* the program's context: the traced function's arguments, here one */
#define RETVAL		32
#define REGS		40	/* x19, x20 */
#define STACK_SIZE	64

.macro invoke_bpf_prog prog, body, save_ret=0
	str	xzr, [sp, #RUN_CTX]		// the cookie
	adrp	x19, \prog
	add	x19, x19, :lo12:\prog
	mov	x0, x19
	add	x1, sp, #RUN_CTX
	bl	BPF_ENTER
	mov	x20, x0				// 0, or when the program began
	cbz	x0, .Lskip_\@
	add	x0, sp, #ARGS
	bl	\body
	.if \save_ret
	str	x0, [sp, #RETVAL]
	.endif
#ifndef BPF_SKIP_EXIT
.Lskip_\@:					// refused or not, exit follows
#endif
	mov	x0, x19
	mov	x1, x20
	add	x2, sp, #RUN_CTX
	bl	BPF_EXIT
#ifdef BPF_SKIP_EXIT
.Lskip_\@:
#endif
.endm

.macro invoke_bpf_mod_ret prog, body
	invoke_bpf_prog \prog, \body, save_ret=1
	ldr	x10, [sp, #RETVAL]
	cbnz	x10, .Ldo_fexit
.endm

.macro call_original
	ldr	x0, [sp, #ARGS]
	bl	traced_behind_patch
	str	x0, [sp, #RETVAL]
.endm

	.text
	.globl	bpf_trampoline
	.type	bpf_trampoline, %function
bpf_trampoline:
	stp	x29, x9, [sp, #-16]!
	mov	x29, sp
	stp	x29, x30, [sp, #-16]!
	mov	x29, sp
	sub	sp, sp, #STACK_SIZE
	mov	x10, #1
	str	x10, [sp, #NARGS]
	str	x0, [sp, #ARGS]
	str	x19, [sp, #REGS]
	str	x20, [sp, #REGS + 8]

#ifdef BPF_FENTRY
	invoke_bpf_prog prog, body
# if BPF_TRAMPOLINE > 1
	invoke_bpf_prog prog2, body2
# endif
	ldr	x0, [sp, #ARGS]
#elif defined(BPF_FEXIT)
	call_original
	invoke_bpf_prog prog, body
# if BPF_TRAMPOLINE > 1
	invoke_bpf_prog prog2, body2
# endif
	ldr	x0, [sp, #RETVAL]
#elif defined(BPF_FMOD_RET)
	str	xzr, [sp, #RETVAL]
	invoke_bpf_mod_ret prog, body
# if BPF_TRAMPOLINE > 1
	invoke_bpf_mod_ret prog2, body2
# endif
	call_original
.Ldo_fexit:					// here fexit programs would run
	ldr	x0, [sp, #RETVAL]
#endif

	ldr	x19, [sp, #REGS]
	ldr	x20, [sp, #REGS + 8]
	mov	sp, x29
	ldp	x29, x30, [sp], #16
	ldp	x29, x9, [sp], #16
#ifdef BPF_FENTRY
	mov	x10, x30			// back into the traced function
	mov	x30, x9
	ret	x10
#else
	mov	x30, x9				// past it, to its caller
	ret	x9
#endif
	.size	bpf_trampoline, . - bpf_trampoline

	/* The two nops at a function's entry, patched. */
	.globl	traced
	.type	traced, %function
traced:
	mov	x9, x30
	bl	bpf_trampoline
traced_behind_patch:
	b	traced_body
	.size	traced, . - traced
