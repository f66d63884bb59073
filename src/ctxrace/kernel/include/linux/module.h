/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/module.h: what a module says of itself is nothing here.
 */
#ifndef CTXRACE_LINUX_MODULE_H
#define CTXRACE_LINUX_MODULE_H

#include <linux/export.h>
#include <linux/init.h>
#include <linux/kernel.h>

#define MODULE_LICENSE(text)		struct ctxrace_nothing
#define MODULE_AUTHOR(text)		struct ctxrace_nothing
#define MODULE_DESCRIPTION(text)	struct ctxrace_nothing
#define MODULE_ALIAS(text)		struct ctxrace_nothing
#define MODULE_IMPORT_NS(text)		struct ctxrace_nothing
#define MODULE_PARM_DESC(name, text)	struct ctxrace_nothing
#define module_param(name, type, mode)	struct ctxrace_nothing
#define THIS_MODULE			((struct module *)0)

#endif
