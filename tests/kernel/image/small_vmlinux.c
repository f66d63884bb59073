/* A kernel as small as it can be: a guard that counts, with a static key and an alternative, and what boot needs. */
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

struct thread_info {
	u64 flags;
	u64 preempt_count;
};

struct list_head {
	struct list_head *next, *prev;
};

struct task_struct {
	struct thread_info thread_info;
	struct task_struct *self;
	int pid;
	u16 migration_disabled;
	void *bpf_ctx;
	struct list_head tasks, children, sibling;
};

#define EMPTY(list) { &init_task.list, &init_task.list }

struct task_struct init_task = {
	.thread_info.preempt_count = 1,
	.self = &init_task,
	.tasks = EMPTY(tasks),
	.children = EMPTY(children),
	.sibling = EMPTY(sibling),
};
const char linux_banner[] = "Linux version 7.0.1 (small)";

struct arm64_cpu_capabilities {
	const char *desc;
	u16 capability;
};
const struct arm64_cpu_capabilities arm64_features[2] = { { "LSE atomic instructions", 5 } };

int counter __attribute__((section(".data..percpu")));
u64 entered __attribute__((section(".data..percpu")));
int guard_key;
int written_by_nobody = 7;

static inline struct task_struct *current_task(void)
{
	struct task_struct *task;

	__asm__("mrs %0, sp_el0" : "=r" (task));
	return task;
}

static inline void *this_cpu(void *variable)
{
	u64 offset;

	__asm__ volatile("mrs %0, tpidr_el1" : "=r" (offset));
	return (char *)variable + offset;
}

static inline __attribute__((always_inline)) int key_is_on(void)
{
	__asm__ goto("1: nop\n"
		     ".pushsection __jump_table, \"aw\"\n"
		     ".balign 8\n"
		     ".long 1b - .\n"
		     ".long %l[on] - .\n"
		     ".quad guard_key - .\n"
		     ".popsection" : : : : on);
	return 0;
on:
	return 1;
}

/* Three instructions without LSE, which can be torn, and three with it, one of which is the addition. */
static inline int add_to_counter(int change)
{
	int result;

	__asm__ volatile("661: ldr %w0, [%1]\n"
			 "add %w0, %w0, %w2\n"
			 "str %w0, [%1]\n"
			 "662:\n"
			 ".pushsection .altinstructions, \"a\"\n"
			 ".long 661b - .\n"
			 ".long 663f - .\n"
			 ".hword 5\n"
			 ".byte 12, 12\n"
			 ".popsection\n"
			 ".subsection 1\n"
			 ".arch_extension lse\n"
			 "663: ldadd %w2, %w0, [%1]\n"
			 "add %w0, %w0, %w2\n"
			 "nop\n"
			 ".previous" : "=&r" (result) : "r" (this_cpu(&counter)), "r" (change) : "memory");
	return result;
}

static void disable(void)
{
	*(volatile u32 *)&current_task()->thread_info.preempt_count += 1;
}

static void enable(void)
{
	*(volatile u32 *)&current_task()->thread_info.preempt_count -= 1;
}

int guard_enter(void)
{
	int alone;

	if (key_is_on())
		disable();
	alone = add_to_counter(1) == written_by_nobody - 6;
	if (key_is_on())
		enable();
	return alone;
}

void guard_exit(void)
{
	if (key_is_on())
		disable();
	add_to_counter(-1);
	if (key_is_on())
		enable();
}

__attribute__((weak)) u64 clock(void)
{
	__builtin_trap();
}

void guard_account(void)
{
	*(volatile u64 *)this_cpu(&entered) = clock();
}

__attribute__((weak)) void schedule(void)
{
	__builtin_trap();
}
