/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defines a function of the kernel under its own name, also where our headers have a static one of that name. It is
 * weak: what the objects or a harness define goes before it.
 */
#ifndef CTXRACE_MODEL_H
#define CTXRACE_MODEL_H

#include <ctxrace/compiler.h>

#define MODEL(result, name, parameters)							\
	__weak result ctxrace_model_##name parameters __asm__(#name);			\
	__weak result ctxrace_model_##name parameters

#endif
