/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the headers of the architecture being compiled for, as Linux v6.19 does with its asm/ folder.
 * A new architecture is one more folder under arch/ and one more branch here.
 */
#ifndef CTXRACE_ARCH_H
#define CTXRACE_ARCH_H

#if defined(__aarch64__)
# define CTXRACE_ARCH_HEADER(name) <ctxrace/arch/arm64/name>
#elif defined(__riscv) && __riscv_xlen == 64
# define CTXRACE_ARCH_HEADER(name) <ctxrace/arch/riscv/name>
#elif defined(__x86_64__)
# define CTXRACE_ARCH_HEADER(name) <ctxrace/arch/x86/name>
#else
# error "ctxrace has no headers for this architecture; compile for arm64, riscv64 or x86-64, e.g. --target=aarch64-linux-gnu"
#endif

#endif
