// SPDX-License-Identifier: Apache-2.0
/* A session that users look up and hold by a reference, and that its owner closes. */
#include <linux/rcupdate.h>
#include <linux/refcount.h>

struct session {
	refcount_t users;
	int closed;
};
static struct session first = { .users = REFCOUNT_INIT(1) };
static struct session __rcu *current_session = &first;

static void session_put(struct session *session)
{
	if (refcount_dec_and_test(&session->users))
		WRITE_ONCE(session->closed, 1);
}

void session_use(void)
{
	struct session *session;

	rcu_read_lock();
	session = rcu_dereference(current_session);
	if (session && !refcount_inc_not_zero(&session->users))
		session = NULL;
	rcu_read_unlock();
	if (!session)
		return;
	WARN_ON(READ_ONCE(session->closed));
	session_put(session);
}

void session_close(void)
{
	struct session *session = rcu_replace_pointer(current_session, NULL, true);

	session_put(session);
}

CTXRACE_TASKS(2, session_use); CTXRACE_TASKS(1, session_close);
CTXRACE_HARDIRQ(session_use);
CTXRACE_ATTEMPTS(1);
