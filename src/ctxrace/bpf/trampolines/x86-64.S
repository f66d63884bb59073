/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trampoline of one traced function, in the shape that arch/x86/net/bpf_jit_comp.c of Linux v6.20 emits
 * (__arch_prepare_bpf_trampoline(), invoke_bpf_prog(), invoke_bpf_mod_ret()), and the function's patched entry.
 *
 * __bpf_tramp_enter() and __bpf_tramp_exit(), which keep the trampoline itself alive, and the return thunks are left out.
 */
#include "../system/attach.h"

/* The stack, from RBP down. Above RBP are the return address into the traced function and that of its caller. */
#define RETVAL		-8
#define ARGS		-16	/* the program's context: the traced function's arguments, here one */
#define NARGS		-24
#define RBX		-32
#define RUN_CTX		-48	/* struct bpf_tramp_run_ctx: cookie, saved context */
#define STACK_SIZE	48

.macro invoke_bpf_prog prog, body, save_ret=0
	movq	$0, RUN_CTX(%rbp)		# the cookie
	movq	$\prog, %rdi
	leaq	RUN_CTX(%rbp), %rsi
	call	BPF_ENTER
	movq	%rax, %rbx			# 0, or when the program began
	testq	%rax, %rax
	je	.Lskip_\@
	leaq	ARGS(%rbp), %rdi
	call	\body
	.if \save_ret
	movq	%rax, RETVAL(%rbp)
	.endif
#ifndef BPF_SKIP_EXIT
.Lskip_\@:					# refused or not, exit follows
#endif
	movq	$\prog, %rdi
	movq	%rbx, %rsi
	leaq	RUN_CTX(%rbp), %rdx
	call	BPF_EXIT
#ifdef BPF_SKIP_EXIT
.Lskip_\@:
#endif
.endm

.macro invoke_bpf_mod_ret prog, body
	invoke_bpf_prog \prog, \body, save_ret=1
	cmpq	$0, RETVAL(%rbp)
	jne	.Ldo_fexit
.endm

.macro call_original
	movq	ARGS(%rbp), %rdi
	call	traced_behind_patch
	movq	%rax, RETVAL(%rbp)
.endm

	.text
	.globl	bpf_trampoline
	.type	bpf_trampoline, @function
bpf_trampoline:
	pushq	%rbp
	movq	%rsp, %rbp
	subq	$STACK_SIZE, %rsp
	movq	%rbx, RBX(%rbp)
	movl	$1, %eax
	movq	%rax, NARGS(%rbp)
	movq	%rdi, ARGS(%rbp)

#ifdef BPF_FENTRY
	invoke_bpf_prog prog, body
# if BPF_TRAMPOLINE > 1
	invoke_bpf_prog prog2, body2
# endif
	movq	ARGS(%rbp), %rdi
#elif defined(BPF_FEXIT)
	call_original
	invoke_bpf_prog prog, body
# if BPF_TRAMPOLINE > 1
	invoke_bpf_prog prog2, body2
# endif
	movq	RETVAL(%rbp), %rax
#elif defined(BPF_FMOD_RET)
	movl	$0, %eax
	movq	%rax, RETVAL(%rbp)
	invoke_bpf_mod_ret prog, body
# if BPF_TRAMPOLINE > 1
	invoke_bpf_mod_ret prog2, body2
# endif
	call_original
.Ldo_fexit:					# here fexit programs would run
	movq	RETVAL(%rbp), %rax
#endif

	movq	RBX(%rbp), %rbx
	leave
#ifndef BPF_FENTRY
	addq	$8, %rsp			# past the traced function, to its caller
#endif
	ret
	.size	bpf_trampoline, . - bpf_trampoline

	/* The five bytes of nop at a function's entry (call __fentry__ before that), patched. */
	.globl	traced
	.type	traced, @function
traced:
	call	bpf_trampoline
traced_behind_patch:
	jmp	traced_body
	.size	traced, . - traced
