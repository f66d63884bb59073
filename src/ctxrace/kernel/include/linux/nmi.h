/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/nmi.h: there is no watchdog to touch.
 */
#ifndef CTXRACE_LINUX_NMI_H
#define CTXRACE_LINUX_NMI_H

#define touch_nmi_watchdog()		do { } while (0)
#define touch_softlockup_watchdog()	do { } while (0)

#endif
