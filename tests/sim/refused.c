/* SPDX-License-Identifier: ISC */
/*
 * What libxl may ask of libxc and a simulated host does not have.  These are
 * declared here without their parameters, so no header of Xen is included.
 */
#include <errno.h>

#define REFUSE(name)							\
	int name(void);							\
	int								\
	name(void)							\
	{								\
		errno = ENOSYS;						\
		return -1;						\
	}

/* What has no meaning for a domain that is a process. */
#define ACCEPT(name)							\
	int name(void);							\
	int								\
	name(void)							\
	{								\
		return 0;						\
	}

/* As wide as a pointer, and NULL. */
#define NOTHING(name)							\
	unsigned long name(void);					\
	unsigned long							\
	name(void)							\
	{								\
		errno = ENOSYS;						\
		return 0;						\
	}

REFUSE(xc_assign_device)
REFUSE(xc_assign_dt_device)
REFUSE(xc_cpupool_addcpu)
REFUSE(xc_cpupool_create)
REFUSE(xc_cpupool_destroy)
NOTHING(xc_cpupool_freeinfo)
REFUSE(xc_cpupool_movedomain)
REFUSE(xc_cpupool_removecpu)
REFUSE(xc_deassign_device)
NOTHING(xc_dom_feature_get)
NOTHING(xc_dom_guest_os)
NOTHING(xc_dom_malloc)
NOTHING(xc_domain_get_native_protocol)
REFUSE(xc_domain_getvnuma)
REFUSE(xc_domain_iomem_permission)
REFUSE(xc_domain_irq_permission)
REFUSE(xc_domain_memory_mapping)
REFUSE(xc_domain_resume)
REFUSE(xc_domain_send_trigger)
REFUSE(xc_domain_set_memory_map)
REFUSE(xc_domain_set_pod_target)
REFUSE(xc_domain_set_target)
REFUSE(xc_domain_setvnuma)
REFUSE(xc_domain_shutdown)
REFUSE(xc_domain_soft_reset)
REFUSE(xc_flask_context_to_sid)
REFUSE(xc_flask_getenforce)
REFUSE(xc_flask_load)
REFUSE(xc_flask_relabel_domain)
REFUSE(xc_flask_setenforce)
REFUSE(xc_flask_sid_to_context)
REFUSE(xc_get_machine_memory_map)
REFUSE(xc_hvm_param_get)
REFUSE(xc_hvm_param_set)
NOTHING(xc_map_foreign_range)
REFUSE(xc_pcitopoinfo)
REFUSE(xc_physdev_map_pirq)
REFUSE(xc_physdev_unmap_pirq)
REFUSE(xc_psr_cmt_attach)
REFUSE(xc_psr_cmt_detach)
REFUSE(xc_psr_cmt_enabled)
REFUSE(xc_psr_cmt_get_data)
REFUSE(xc_psr_cmt_get_domain_rmid)
REFUSE(xc_psr_cmt_get_l3_cache_size)
REFUSE(xc_psr_cmt_get_l3_event_mask)
REFUSE(xc_psr_cmt_get_l3_upscaling_factor)
REFUSE(xc_psr_cmt_get_total_rmid)
REFUSE(xc_psr_get_domain_data)
REFUSE(xc_psr_get_hw_info)
REFUSE(xc_psr_set_domain_data)
REFUSE(xc_readconsolering)
REFUSE(xc_reserved_device_memory_map)
REFUSE(xc_sched_credit2_params_get)
REFUSE(xc_sched_credit2_params_set)
REFUSE(xc_sched_credit_domain_get)
REFUSE(xc_sched_credit_domain_set)
REFUSE(xc_sched_credit_params_get)
REFUSE(xc_sched_credit_params_set)
REFUSE(xc_sched_rtds_domain_get)
REFUSE(xc_sched_rtds_domain_set)
REFUSE(xc_sched_rtds_vcpu_get)
REFUSE(xc_sched_rtds_vcpu_set)
REFUSE(xc_send_debug_keys)
REFUSE(xc_set_paging_mempool_size)
REFUSE(xc_suspend_evtchn_init_exclusive)
REFUSE(xc_suspend_evtchn_release)
REFUSE(xc_test_assign_device)

ACCEPT(xc_cpuid_apply_policy)
ACCEPT(xc_domain_ioport_permission)
ACCEPT(xc_domain_node_getaffinity)
ACCEPT(xc_domain_node_setaffinity)
ACCEPT(xc_domain_set_memmap_limit)
ACCEPT(xc_domain_set_time_offset)
ACCEPT(xc_domain_set_tsc_info)
ACCEPT(xc_vcpu_setaffinity)
