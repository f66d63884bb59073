/* SPDX-License-Identifier: Apache-2.0 */
/* The attempt with what enter and exit do besides where there is more than one CPU. */
void attempt(void)
{
	migrate_disable();
	if (bpf_prog_get_recursion_context((struct bpf_prog *)&prog))
		body();
	bpf_prog_put_recursion_context((struct bpf_prog *)&prog);
	migrate_enable();
}
