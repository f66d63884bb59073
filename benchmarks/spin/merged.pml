/*
 * The guard of arm64-merged on one CPU under full preemption, every context once: N tasks, a softirq, a hardirq, an NMI.
 *
 * One step is what ctxrace calls an event: an access to the bytes, a write to the preempt count, the body's return;
 * what only concerns the context itself is part of the step before. PLAIN leaves preemption on around the bytes, as
 * arm64-v1 does. ORDERED is symmetry reduction by hand: as all tasks run the same code, only those runs matter in
 * which they begin in the order of their numbers.
 */
#ifndef N
#define N 2
#endif

#define SOFTIRQ 1
#define HARDIRQ 2
#define NMI 3
#define IDLE 255

byte bytes[4];		/* `active`, which is a keyword here */
byte preempt_count;	/* of whoever runs; it is 0 in a task that was preempted */
byte level;		/* of whoever runs */
byte running = IDLE;	/* its process; the idle task's if there is none */
byte inside;		/* contexts in the body */
byte in_flight;
byte begun;		/* tasks */

#define sum (bytes[0] + bytes[1] + bytes[2] + bytes[3])
#define alone(r) (bytes[r] == 1 && sum == 1)
#define enter_body() if :: admitted -> inside++; assert(inside == 1) :: else fi

/* One event of the context that runs, or of a task that takes the CPU from another one that may be preempted. */
#define event(what) atomic { running == _pid || may_take -> running = _pid; what }
#define may_take (mine == 0 && level == 0 && preempt_count == 0)

#ifdef PLAIN
#define first_event seen = bytes[mine]
#else
#define first_event preempt_count++
#endif

/* Contexts 0 to N - 1 are tasks, then come the interrupts. */
active [N + 3] proctype context() {
	byte mine = (_pid < N -> 0 : _pid - N + SOFTIRQ);	/* its level */
	byte seen;
	bool admitted;
	byte over = IDLE;	/* whom it cuts in on, and that one's level */
	byte over_level;

	if
#ifdef ORDERED
	:: atomic { may_take && begun == _pid -> begun++; running = _pid; in_flight++; first_event }
#else
	:: atomic { may_take -> running = _pid; in_flight++; first_event }
#endif
	:: atomic { level < mine -> over = running; over_level = level; level = mine; running = _pid; in_flight++; first_event }
	fi;
#ifdef PLAIN
	event(bytes[mine] = seen + 1; seen = 0);
	event(admitted = alone(mine); enter_body());
#else
	event(seen = bytes[mine]);
	event(bytes[mine] = seen + 1; seen = 0);
	event(admitted = alone(mine));
	event(preempt_count--; enter_body());
#endif
	do
	:: atomic { (running == _pid || may_take) && admitted -> running = _pid; admitted = false; inside-- }
	:: atomic { (running == _pid || may_take) && !admitted -> running = _pid; first_event; break }
	od;
#ifdef PLAIN
	event(bytes[mine] = seen - 1; seen = 0);
#else
	event(seen = bytes[mine]);
	event(bytes[mine] = seen - 1; seen = 0);
	event(preempt_count--);
#endif
	atomic {
		running == _pid || may_take ->
		running = over; level = over_level; over = 0; over_level = 0;
		in_flight--;
		assert(in_flight > 0 || sum == 0)
	};
end:	false
}
