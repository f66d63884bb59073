"""What kfuncs do to a program's memory: rows as in `helpers`.

What a kfunc does to the kernel's own objects is none of a program's memory, and neither are the objects that a program
allocates: one without a reference count belongs to one program at a time, or to a list or a tree. The heads of lists
and the roots of trees are a program's memory; the verifier asks for a lock around each change of them. Read in
kernel/bpf/helpers.c, kernel/bpf/cpumask.c, kernel/bpf/map_iter.c, kernel/bpf/crypto.c, kernel/bpf/stream.c,
fs/bpf_fs_kfuncs.c and net/netfilter/nf_conntrack_bpf.c of Linux 7.0 and 7.3; those of HID in patches to
drivers/hid/bpf/hid_bpf_dispatch.c.
"""

from ctxrace.bpf.programs.follow.helpers import routine

__all__ = ["KFUNCS"]

_KFUNC_ROWS = """
bpf_preempt_disable !preempt_disable
bpf_preempt_enable !preempt_enable
bpf_local_irq_save !irq_save
bpf_local_irq_restore !irq_restore
bpf_rcu_read_lock
bpf_rcu_read_unlock
bpf_res_spin_lock !res_spin_lock
bpf_res_spin_unlock !res_spin_unlock
bpf_res_spin_lock_irqsave !res_spin_lock
bpf_res_spin_unlock_irqrestore !res_spin_unlock
bpf_throw !throw
bpf_task_acquire =kernel
bpf_task_release
bpf_task_from_pid =kernel
bpf_task_from_vpid =kernel
bpf_task_get_cgroup1 =kernel
bpf_task_under_cgroup
bpf_cgroup_acquire =kernel
bpf_cgroup_release
bpf_cgroup_ancestor =kernel
bpf_cgroup_from_id =kernel
bpf_cpumask_create =kernel
bpf_cpumask_acquire =kernel
bpf_cpumask_release
bpf_cpumask_first
bpf_cpumask_first_zero
bpf_cpumask_first_and
bpf_cpumask_set_cpu
bpf_cpumask_clear_cpu
bpf_cpumask_test_cpu
bpf_cpumask_test_and_set_cpu
bpf_cpumask_test_and_clear_cpu
bpf_cpumask_setall
bpf_cpumask_clear
bpf_cpumask_and
bpf_cpumask_or
bpf_cpumask_xor
bpf_cpumask_equal
bpf_cpumask_intersects
bpf_cpumask_subset
bpf_cpumask_empty
bpf_cpumask_full
bpf_cpumask_copy
bpf_cpumask_any_distribute
bpf_cpumask_any_and_distribute
bpf_cpumask_weight
bpf_cpumask_populate r2:3
bpf_rdonly_cast =kernel
bpf_cast_to_kern_ctx =kernel
bpf_obj_new_impl =kernel
bpf_obj_drop_impl
bpf_refcount_acquire_impl =kernel
bpf_percpu_obj_new_impl =kernel
bpf_percpu_obj_drop_impl
bpf_obj_new =kernel
bpf_obj_drop
bpf_refcount_acquire =kernel
bpf_percpu_obj_new =kernel
bpf_percpu_obj_drop
bpf_list_push_front_impl p1=16
bpf_list_push_back_impl p1=16
bpf_list_push_front p1=16
bpf_list_push_back p1=16
bpf_list_add p1=16
bpf_list_del p1=16 =kernel
bpf_list_pop_front p1=16 =kernel
bpf_list_pop_back p1=16 =kernel
bpf_list_front =kernel
bpf_list_back =kernel
bpf_list_empty
bpf_list_is_first
bpf_list_is_last
bpf_rbtree_add_impl p1=16 !less
bpf_rbtree_add p1=16 !less
bpf_rbtree_remove p1=16 =kernel
bpf_rbtree_first =kernel
bpf_rbtree_root =kernel
bpf_rbtree_left =kernel
bpf_rbtree_right =kernel
bpf_get_file_xattr
bpf_cgroup_read_xattr
bpf_verify_pkcs7_signature
bpf_get_task_exe_file =kernel
bpf_put_file
bpf_path_d_path p2:3
bpf_iter_num_new !iterator_new
bpf_iter_num_next !iterator_next
bpf_iter_num_destroy
bpf_iter_task_new !iterator_new
bpf_iter_task_next =kernel
bpf_iter_task_destroy
bpf_iter_task_vma_new !iterator_new
bpf_iter_task_vma_next =kernel
bpf_iter_task_vma_destroy
bpf_iter_css_new !iterator_new
bpf_iter_css_next =kernel
bpf_iter_css_destroy
bpf_iter_css_task_new !iterator_new
bpf_iter_css_task_next =kernel
bpf_iter_css_task_destroy
bpf_iter_bits_new !iterator_new
bpf_iter_bits_next !iterator_next
bpf_iter_bits_destroy
bpf_iter_dmabuf_new !iterator_new
bpf_iter_dmabuf_next =kernel
bpf_iter_dmabuf_destroy
bpf_iter_kmem_cache_new !iterator_new
bpf_iter_kmem_cache_next =kernel
bpf_iter_kmem_cache_destroy
bpf_get_kmem_cache =kernel
bpf_dynptr_from_skb !private_dynptr3
bpf_dynptr_from_xdp !private_dynptr3
bpf_dynptr_is_null
bpf_dynptr_is_rdonly
bpf_dynptr_size
bpf_dynptr_adjust
bpf_dynptr_clone !private_dynptr2
bpf_dynptr_copy
bpf_dynptr_memset
bpf_dynptr_slice !slice
bpf_dynptr_slice_rdwr !slice
bpf_dynptr_from_file !private_dynptr3
bpf_dynptr_file_discard
bpf_probe_read_user_dynptr
bpf_probe_read_kernel_dynptr
bpf_probe_read_user_str_dynptr
bpf_probe_read_kernel_str_dynptr
bpf_copy_from_user_dynptr sleeps
bpf_copy_from_user_str_dynptr sleeps
bpf_copy_from_user_task_dynptr sleeps
bpf_copy_from_user_task_str_dynptr sleeps
bpf_crypto_ctx_create r1:2 p3=4 =kernel sleeps
bpf_crypto_ctx_acquire =kernel
bpf_crypto_ctx_release
bpf_crypto_encrypt
bpf_crypto_decrypt
bpf_stream_vprintk r3:4
bpf_stream_print_stack
bpf_map_sum_elem_count
bpf_session_is_return
bpf_session_cookie =kernel
bpf_get_lowcore =kernel
bpf_strcmp
bpf_strcasecmp
bpf_strncasecmp
bpf_strchr
bpf_strchrnul
bpf_strnchr
bpf_strrchr
bpf_strlen
bpf_strnlen
bpf_strspn
bpf_strcspn
bpf_strstr
bpf_strnstr
bpf_strcasestr
bpf_strncasestr
__bpf_trap !throw
bpf_ct_insert_entry =kernel
bpf_ct_release
bpf_ct_set_timeout
bpf_ct_change_timeout
bpf_ct_set_status
bpf_ct_change_status
bpf_skb_ct_lookup r2:3 r4:5 =kernel
bpf_xdp_ct_lookup r2:3 r4:5 =kernel
bpf_skb_ct_alloc r2:3 r4:5 =kernel
bpf_xdp_ct_alloc r2:3 r4:5 =kernel
bpf_sock_destroy
bpf_skb_get_fou_encap
bpf_skb_set_fou_encap
bpf_skb_get_xfrm_info
bpf_skb_set_xfrm_info
bpf_xdp_metadata_rx_timestamp p2=8
bpf_xdp_metadata_rx_hash p2=4 p3=4
bpf_send_signal_task
bpf_get_cgroup_id
bpf_cgroup_rstat_updated
cgroup_rstat_updated
css_rstat_updated
bpf_cgroup_rstat_flush sleeps
cgroup_rstat_flush sleeps
bpf_lookup_user_key =kernel
bpf_lookup_system_key =kernel
bpf_key_put
bpf_kallsyms_lookup
bpf_copy_from_user_str p1:2 sleeps
bpf_copy_from_user_task_str p1:2 sleeps
hid_bpf_get_data =kernel
hid_bpf_allocate_context =kernel sleeps
hid_bpf_release_context sleeps
hid_bpf_hw_request s2:3 p2:3 sleeps
hid_bpf_hw_output_report s2:3 sleeps
hid_bpf_input_report s3:4 sleeps
hid_bpf_try_input_report s3:4
bpf_wq_init
bpf_wq_set_callback_impl
bpf_wq_set_callback
bpf_wq_start
bpf_timer_cancel_async
bpf_task_work_schedule_signal
bpf_task_work_schedule_resume
tcp_slow_start
tcp_cong_avoid_ai
tcp_reno_cong_avoid
tcp_reno_ssthresh
tcp_reno_undo_cwnd
"""

KFUNCS = {line.split()[0]: routine(line.split()) for line in _KFUNC_ROWS.strip().splitlines()}
"""The kfuncs, by name. One that is not here is not known."""
