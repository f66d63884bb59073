// SPDX-License-Identifier: Apache-2.0
/* A driver gives a command to its device and sleeps until the device's threaded handler has the answer. */
#include <linux/completion.h>
#include <linux/interrupt.h>

static DECLARE_COMPLETION(command_done);
static int command, answer;

void send_command(void)
{
	answer = 0;
	reinit_completion(&command_done);
	WRITE_ONCE(command, 1);
	wait_for_completion(&command_done);
	WARN_ON(answer != 1);
}

void command_thread(void)
{
	if (!READ_ONCE(command))
		return;
	WRITE_ONCE(command, 0);
	answer = 1;
	complete(&command_done);
}

CTXRACE_TASKS(1, send_command);
CTXRACE_TASKS(1, command_thread);
CTXRACE_BALANCED(command);
