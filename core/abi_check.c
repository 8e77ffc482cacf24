/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sizes and offsets of the published ABI that this code relies on, asserted at compile time: a
 * libxen-dev of another release fails here, with a name, instead of in a guest. No code.
 */
#include <abi.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

#define SIZE(type, n) _Static_assert(sizeof(type) == (n), #type)
#define AT(type, field, n) _Static_assert(offsetof(type, field) == (n), #type "." #field)

/* public xen.h */
SIZE(struct vcpu_info, 64);
AT(struct vcpu_info, evtchn_upcall_pending, 0);
AT(struct vcpu_info, evtchn_upcall_mask, 1);
AT(struct vcpu_info, evtchn_pending_sel, 8);
AT(struct vcpu_info, arch.cr2, 16);
AT(struct vcpu_info, time, 32);
SIZE(struct vcpu_time_info, 32);
AT(struct vcpu_time_info, tsc_timestamp, 8);
AT(struct vcpu_time_info, system_time, 16);
AT(struct vcpu_time_info, tsc_to_system_mul, 24);
AT(struct vcpu_time_info, tsc_shift, 28);
AT(struct vcpu_time_info, flags, 29);
SIZE(struct shared_info, 0xc40);
AT(struct shared_info, evtchn_pending, 0x800);
AT(struct shared_info, evtchn_mask, 0xa00);
AT(struct shared_info, wc_version, 0xc00);
AT(struct shared_info, wc_sec, 0xc04);
AT(struct shared_info, wc_nsec, 0xc08);
AT(struct shared_info, wc_sec_hi, 0xc0c);
AT(struct shared_info, arch, 0xc10);
SIZE(struct start_info, 0x490);
AT(struct start_info, nr_pages, 0x20);
AT(struct start_info, shared_info, 0x28);
AT(struct start_info, flags, 0x30);
AT(struct start_info, pt_base, 0x58);
AT(struct start_info, mfn_list, 0x68);
AT(struct start_info, mod_start, 0x70);
AT(struct start_info, cmd_line, 0x80);
AT(struct start_info, first_p2m_pfn, 0x480);
SIZE(struct mmu_update, 16);
SIZE(struct mmuext_op, 24);
SIZE(struct multicall_entry, 64);
AT(struct multicall_entry, result, 8);
AT(struct multicall_entry, args, 16);
SIZE(struct dom0_vga_console_info, 40);

/* public arch-x86/xen.h, arch-x86/xen-x86_64.h: what entry.S and bounce frames are built on */
SIZE(struct cpu_user_regs, 200);
AT(struct cpu_user_regs, rip, 128);
AT(struct cpu_user_regs, ss, 160);
SIZE(struct trap_info, 16);
SIZE(struct vcpu_guest_context, 5168);
SIZE(struct iret_context, 72);
SIZE(struct xen_cpuid_leaf, 24);
SIZE(struct xen_msr_entry, 16);

/* public vcpu.h, event_channel.h, grant_table.h, memory.h, physdev.h */
SIZE(struct vcpu_runstate_info, 48);
SIZE(struct evtchn_alloc_unbound, 8);
SIZE(struct evtchn_status, 24);
SIZE(struct grant_entry_v1, 8);
SIZE(union grant_entry_v2, 16);
SIZE(struct gnttab_map_grant_ref, 32);
SIZE(struct gnttab_unmap_grant_ref, 24);
SIZE(struct gnttab_copy, 40);
SIZE(struct xen_memory_reservation, 32);
SIZE(struct xen_memory_exchange, 72);

/* public domctl.h, sysctl.h */
_Static_assert(XEN_DOMCTL_INTERFACE_VERSION == 0x15, "domctl of release 4.17");
_Static_assert(XEN_SYSCTL_INTERFACE_VERSION == 0x15, "sysctl of release 4.17");
AT(struct xen_domctl, u, 16);
AT(struct xen_sysctl, u, 8);
SIZE(struct xen_domctl, 144);
SIZE(struct xen_sysctl, 136);
SIZE(struct xen_domctl_getdomaininfo, 112);
