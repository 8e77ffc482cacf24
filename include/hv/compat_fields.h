/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The structures of the ABI that a hypercall takes from its caller's memory or puts there, field by
 * field. This is all that we know of a 32-bit caller's layouts: include/hv/compat.h makes the
 * tables of it, tests/unit/compat.c holds them against what two compilers say for i386.
 *
 *   FIELDS_name(K, S, T, P)    T is the structure, P comes before each field's name
 *     K(kind, T, P field)        a field
 *     S(name, T, P field)        a field that is itself a structure of this file
 *
 *   KEEP     the same bytes, aligned to 4 or less: up to 32 bits, characters, structures of these
 *   U64      64 bits, which i386 aligns to 4
 *   ULONG    unsigned long, xen_pfn_t, xen_ulong_t, a pointer or handle, or a union of these: 32
 *            bits there; ULONG6 is an array of six
 *   LONG     32 bits there too, with a sign
 *   POINTER  a pointer in a union of 64 bits on both sides: a 32-bit guest sets the low half, and
 *            what it leaves in the other (kernels: their stack) counts for nothing
 *
 * In a union of a number and an unsigned long, the number is the low half of the widened field.
 */
#ifndef HV_COMPAT_FIELDS_H
#define HV_COMPAT_FIELDS_H

/* --- xen.h ------------------------------------------------------------------------------------ */

#define FIELDS_multicall_entry(K, S, T, P) \
    K(ULONG, T, P op) K(LONG, T, P result) K(ULONG6, T, P args)
#define FIELDS_mmu_update(K, S, T, P) K(U64, T, P ptr) K(U64, T, P val)
#define FIELDS_mmuext_op(K, S, T, P) K(KEEP, T, P cmd) K(ULONG, T, P arg1) K(ULONG, T, P arg2)
#define FIELDS_trap_info(K, S, T, P) \
    K(KEEP, T, P vector) K(KEEP, T, P flags) K(KEEP, T, P cs) K(ULONG, T, P address)

/* --- callback.h, nmi.h ------------------------------------------------------------------------ */

/* struct callback_register: include/hv/compat.h says why by another name */
#define FIELDS_callback_arg(K, S, T, P) \
    K(KEEP, T, P type) K(KEEP, T, P flags) K(KEEP, T, P cs) K(ULONG, T, P address)
#define FIELDS_callback_unregister(K, S, T, P) K(KEEP, T, P type) K(KEEP, T, P _unused)
#define FIELDS_xennmi_callback(K, S, T, P) K(ULONG, T, P handler_address) K(ULONG, T, P pad)

/* --- memory.h --------------------------------------------------------------------------------- */

#define FIELDS_xen_memory_reservation(K, S, T, P) \
    K(ULONG, T, P extent_start) K(ULONG, T, P nr_extents) K(KEEP, T, P extent_order) \
    K(KEEP, T, P mem_flags) K(KEEP, T, P domid)
#define FIELDS_xen_memory_exchange(K, S, T, P) \
    S(xen_memory_reservation, T, P in) S(xen_memory_reservation, T, P out) \
    K(ULONG, T, P nr_exchanged)
#define FIELDS_xen_memory_domain(K, S, T, P) K(KEEP, T, P domid)
#define FIELDS_xen_machphys_mfn_list(K, S, T, P) \
    K(KEEP, T, P max_extents) K(ULONG, T, P extent_start) K(KEEP, T, P nr_extents)
#define FIELDS_xen_machphys_mapping(K, S, T, P) \
    K(ULONG, T, P v_start) K(ULONG, T, P v_end) K(ULONG, T, P max_mfn)
#define FIELDS_xen_add_to_physmap(K, S, T, P) \
    K(KEEP, T, P domid) K(KEEP, T, P size) K(KEEP, T, P space) K(ULONG, T, P idx) \
    K(ULONG, T, P gpfn)
#define FIELDS_xen_add_to_physmap_batch(K, S, T, P) \
    K(KEEP, T, P domid) K(KEEP, T, P space) K(KEEP, T, P size) K(KEEP, T, P u) \
    K(ULONG, T, P idxs) K(ULONG, T, P gpfns) K(ULONG, T, P errs)
#define FIELDS_xen_remove_from_physmap(K, S, T, P) K(KEEP, T, P domid) K(ULONG, T, P gpfn)
#define FIELDS_xen_memory_map(K, S, T, P) K(KEEP, T, P nr_entries) K(ULONG, T, P buffer)
#define FIELDS_xen_foreign_memory_map(K, S, T, P) K(KEEP, T, P domid) S(xen_memory_map, T, P map)
#define FIELDS_xen_mem_acquire_resource(K, S, T, P) \
    K(KEEP, T, P domid) K(KEEP, T, P type) K(KEEP, T, P id) K(KEEP, T, P nr_frames) \
    K(KEEP, T, P pad) K(U64, T, P frame) K(ULONG, T, P frame_list)

#define FIELDS_xen_pod_target(K, S, T, P) \
    K(U64, T, P target_pages) K(U64, T, P tot_pages) K(U64, T, P pod_cache_pages) \
    K(U64, T, P pod_entries) K(KEEP, T, P domid)

/* --- grant_table.h ---------------------------------------------------------------------------- */

#define FIELDS_gnttab_map_grant_ref(K, S, T, P) \
    K(U64, T, P host_addr) K(KEEP, T, P flags) K(KEEP, T, P ref) K(KEEP, T, P dom) \
    K(KEEP, T, P status) K(KEEP, T, P handle) K(U64, T, P dev_bus_addr)
#define FIELDS_gnttab_unmap_grant_ref(K, S, T, P) \
    K(U64, T, P host_addr) K(U64, T, P dev_bus_addr) K(KEEP, T, P handle) K(KEEP, T, P status)
#define FIELDS_gnttab_setup_table(K, S, T, P) \
    K(KEEP, T, P dom) K(KEEP, T, P nr_frames) K(KEEP, T, P status) K(ULONG, T, P frame_list)
#define FIELDS_gnttab_transfer(K, S, T, P) \
    K(ULONG, T, P mfn) K(KEEP, T, P domid) K(KEEP, T, P ref) K(KEEP, T, P status)
#define FIELDS_gnttab_copy_ptr(K, S, T, P) \
    K(ULONG, T, P u) K(KEEP, T, P domid) K(KEEP, T, P offset)
#define FIELDS_gnttab_copy(K, S, T, P) \
    S(gnttab_copy_ptr, T, P source) S(gnttab_copy_ptr, T, P dest) K(KEEP, T, P len) \
    K(KEEP, T, P flags) K(KEEP, T, P status)
#define FIELDS_gnttab_query_size(K, S, T, P) \
    K(KEEP, T, P dom) K(KEEP, T, P nr_frames) K(KEEP, T, P max_nr_frames) K(KEEP, T, P status)
#define FIELDS_gnttab_unmap_and_replace(K, S, T, P) \
    K(U64, T, P host_addr) K(U64, T, P new_addr) K(KEEP, T, P handle) K(KEEP, T, P status)
#define FIELDS_gnttab_set_version(K, S, T, P) K(KEEP, T, P version)
#define FIELDS_gnttab_get_status_frames(K, S, T, P) \
    K(KEEP, T, P nr_frames) K(KEEP, T, P dom) K(KEEP, T, P status) K(ULONG, T, P frame_list)
#define FIELDS_gnttab_get_version(K, S, T, P) \
    K(KEEP, T, P dom) K(KEEP, T, P pad) K(KEEP, T, P version)
#define FIELDS_gnttab_swap_grant_ref(K, S, T, P) \
    K(KEEP, T, P ref_a) K(KEEP, T, P ref_b) K(KEEP, T, P status)

/* --- event_channel.h -------------------------------------------------------------------------- */

#define FIELDS_evtchn_alloc_unbound(K, S, T, P) \
    K(KEEP, T, P dom) K(KEEP, T, P remote_dom) K(KEEP, T, P port)
#define FIELDS_evtchn_bind_interdomain(K, S, T, P) \
    K(KEEP, T, P remote_dom) K(KEEP, T, P remote_port) K(KEEP, T, P local_port)
#define FIELDS_evtchn_bind_virq(K, S, T, P) \
    K(KEEP, T, P virq) K(KEEP, T, P vcpu) K(KEEP, T, P port)
#define FIELDS_evtchn_bind_pirq(K, S, T, P) \
    K(KEEP, T, P pirq) K(KEEP, T, P flags) K(KEEP, T, P port)
#define FIELDS_evtchn_bind_ipi(K, S, T, P) K(KEEP, T, P vcpu) K(KEEP, T, P port)
#define FIELDS_evtchn_close(K, S, T, P) K(KEEP, T, P port)
#define FIELDS_evtchn_send(K, S, T, P) K(KEEP, T, P port)
#define FIELDS_evtchn_status(K, S, T, P) \
    K(KEEP, T, P dom) K(KEEP, T, P port) K(KEEP, T, P status) K(KEEP, T, P vcpu) K(KEEP, T, P u)
#define FIELDS_evtchn_bind_vcpu(K, S, T, P) K(KEEP, T, P port) K(KEEP, T, P vcpu)
#define FIELDS_evtchn_unmask(K, S, T, P) K(KEEP, T, P port)
#define FIELDS_evtchn_reset(K, S, T, P) K(KEEP, T, P dom)
#define FIELDS_evtchn_init_control(K, S, T, P) \
    K(U64, T, P control_gfn) K(KEEP, T, P offset) K(KEEP, T, P vcpu) K(KEEP, T, P link_bits) \
    K(KEEP, T, P _pad)
#define FIELDS_evtchn_expand_array(K, S, T, P) K(U64, T, P array_gfn)
#define FIELDS_evtchn_set_priority(K, S, T, P) K(KEEP, T, P port) K(KEEP, T, P priority)

/* --- sched.h, vcpu.h, version.h --------------------------------------------------------------- */

#define FIELDS_sched_shutdown(K, S, T, P) K(KEEP, T, P reason)
#define FIELDS_sched_poll(K, S, T, P) \
    K(ULONG, T, P ports) K(KEEP, T, P nr_ports) K(U64, T, P timeout)
#define FIELDS_sched_remote_shutdown(K, S, T, P) K(KEEP, T, P domain_id) K(KEEP, T, P reason)
#define FIELDS_sched_watchdog(K, S, T, P) K(KEEP, T, P id) K(KEEP, T, P timeout)
#define FIELDS_sched_pin_override(K, S, T, P) K(KEEP, T, P pcpu)

#define FIELDS_vcpu_runstate_info(K, S, T, P) \
    K(KEEP, T, P state) K(U64, T, P state_entry_time) K(U64, T, P time)
#define FIELDS_vcpu_register_runstate_memory_area(K, S, T, P) K(POINTER, T, P addr)
#define FIELDS_vcpu_register_time_memory_area(K, S, T, P) K(POINTER, T, P addr)
#define FIELDS_vcpu_set_periodic_timer(K, S, T, P) K(U64, T, P period_ns)
#define FIELDS_vcpu_set_singleshot_timer(K, S, T, P) K(U64, T, P timeout_abs_ns) K(KEEP, T, P flags)
#define FIELDS_vcpu_register_vcpu_info(K, S, T, P) \
    K(U64, T, P mfn) K(KEEP, T, P offset) K(KEEP, T, P rsvd)
#define FIELDS_vcpu_time_info(K, S, T, P) \
    K(KEEP, T, P version) K(KEEP, T, P pad0) K(U64, T, P tsc_timestamp) K(U64, T, P system_time) \
    K(KEEP, T, P tsc_to_system_mul) K(KEEP, T, P tsc_shift) K(KEEP, T, P flags) K(KEEP, T, P pad1)

#define FIELDS_xen_compile_info(K, S, T, P) \
    K(KEEP, T, P compiler) K(KEEP, T, P compile_by) K(KEEP, T, P compile_domain) \
    K(KEEP, T, P compile_date)
#define FIELDS_xen_platform_parameters(K, S, T, P) K(ULONG, T, P virt_start)
#define FIELDS_xen_feature_info(K, S, T, P) K(KEEP, T, P submap_idx) K(KEEP, T, P submap)
/* a head: its text goes by itself, from offsetof(buf) on in both */
#define FIELDS_xen_build_id(K, S, T, P) K(KEEP, T, P len)

/* --- physdev.h -------------------------------------------------------------------------------- */

#define FIELDS_physdev_eoi(K, S, T, P) K(KEEP, T, P irq)
#define FIELDS_physdev_pirq_eoi_gmfn(K, S, T, P) K(ULONG, T, P gmfn)
#define FIELDS_physdev_irq_status_query(K, S, T, P) K(KEEP, T, P irq) K(KEEP, T, P flags)
#define FIELDS_physdev_set_iopl(K, S, T, P) K(KEEP, T, P iopl)
#define FIELDS_physdev_set_iobitmap(K, S, T, P) K(ULONG, T, P bitmap) K(KEEP, T, P nr_ports)
#define FIELDS_physdev_apic(K, S, T, P) \
    K(ULONG, T, P apic_physbase) K(KEEP, T, P reg) K(KEEP, T, P value)
#define FIELDS_physdev_irq(K, S, T, P) K(KEEP, T, P irq) K(KEEP, T, P vector)
#define FIELDS_physdev_map_pirq(K, S, T, P) \
    K(KEEP, T, P domid) K(KEEP, T, P type) K(KEEP, T, P index) K(KEEP, T, P pirq) \
    K(KEEP, T, P bus) K(KEEP, T, P devfn) K(KEEP, T, P entry_nr) K(U64, T, P table_base)
#define FIELDS_physdev_unmap_pirq(K, S, T, P) K(KEEP, T, P domid) K(KEEP, T, P pirq)
#define FIELDS_physdev_manage_pci(K, S, T, P) K(KEEP, T, P bus) K(KEEP, T, P devfn)
#define FIELDS_physdev_restore_msi(K, S, T, P) K(KEEP, T, P bus) K(KEEP, T, P devfn)
#define FIELDS_physdev_manage_pci_ext(K, S, T, P) \
    K(KEEP, T, P bus) K(KEEP, T, P devfn) K(KEEP, T, P is_extfn) K(KEEP, T, P is_virtfn) \
    K(KEEP, T, P physfn)
#define FIELDS_physdev_setup_gsi(K, S, T, P) \
    K(KEEP, T, P gsi) K(KEEP, T, P triggering) K(KEEP, T, P polarity)
#define FIELDS_physdev_get_free_pirq(K, S, T, P) K(KEEP, T, P type) K(KEEP, T, P pirq)
#define FIELDS_physdev_pci_mmcfg_reserved(K, S, T, P) \
    K(U64, T, P address) K(KEEP, T, P segment) K(KEEP, T, P start_bus) K(KEEP, T, P end_bus) \
    K(KEEP, T, P flags)
/* the optional array behind it is not read */
#define FIELDS_physdev_pci_device_add(K, S, T, P) \
    K(KEEP, T, P seg) K(KEEP, T, P bus) K(KEEP, T, P devfn) K(KEEP, T, P flags) \
    K(KEEP, T, P physfn)
#define FIELDS_physdev_pci_device(K, S, T, P) \
    K(KEEP, T, P seg) K(KEEP, T, P bus) K(KEEP, T, P devfn)

/* --- public hvm/hvm_op.h, hvm/dm_op.h --------------------------------------------------------- */

#define FIELDS_xen_hvm_param(K, S, T, P) \
    K(KEEP, T, P domid) K(KEEP, T, P pad) K(KEEP, T, P index) K(U64, T, P value)
#define FIELDS_xen_hvm_get_time(K, S, T, P) K(U64, T, P now)
#define FIELDS_xen_hvm_get_mem_type(K, S, T, P) \
    K(KEEP, T, P domid) K(KEEP, T, P mem_type) K(KEEP, T, P pad) K(U64, T, P pfn)
#define FIELDS_xen_hvm_evtchn_upcall_vector(K, S, T, P) K(KEEP, T, P vcpu) K(KEEP, T, P vector)
#define FIELDS_xen_dm_op_buf(K, S, T, P) K(ULONG, T, P h) K(ULONG, T, P size)

/* --- all of them, a structure after those that are in it -------------------------------------- */

#define COMPAT_STRUCTS(X) \
    X(multicall_entry) X(mmu_update) X(mmuext_op) X(trap_info) \
    X(callback_arg) X(callback_unregister) X(xennmi_callback) \
    X(xen_memory_reservation) X(xen_memory_exchange) X(xen_memory_domain) \
    X(xen_machphys_mfn_list) X(xen_machphys_mapping) X(xen_add_to_physmap) \
    X(xen_add_to_physmap_batch) X(xen_remove_from_physmap) X(xen_memory_map) \
    X(xen_foreign_memory_map) X(xen_mem_acquire_resource) X(xen_pod_target) \
    X(gnttab_map_grant_ref) X(gnttab_unmap_grant_ref) X(gnttab_setup_table) X(gnttab_transfer) \
    X(gnttab_copy_ptr) X(gnttab_copy) X(gnttab_query_size) X(gnttab_unmap_and_replace) \
    X(gnttab_set_version) X(gnttab_get_status_frames) X(gnttab_get_version) \
    X(gnttab_swap_grant_ref) \
    X(evtchn_alloc_unbound) X(evtchn_bind_interdomain) X(evtchn_bind_virq) X(evtchn_bind_pirq) \
    X(evtchn_bind_ipi) X(evtchn_close) X(evtchn_send) X(evtchn_status) X(evtchn_bind_vcpu) \
    X(evtchn_unmask) X(evtchn_reset) X(evtchn_init_control) X(evtchn_expand_array) \
    X(evtchn_set_priority) \
    X(sched_shutdown) X(sched_poll) X(sched_remote_shutdown) X(sched_watchdog) \
    X(sched_pin_override) \
    X(vcpu_runstate_info) X(vcpu_register_runstate_memory_area) X(vcpu_register_time_memory_area) \
    X(vcpu_set_periodic_timer) X(vcpu_set_singleshot_timer) X(vcpu_register_vcpu_info) \
    X(vcpu_time_info) \
    X(xen_compile_info) X(xen_platform_parameters) X(xen_feature_info) X(xen_build_id) \
    X(physdev_eoi) X(physdev_pirq_eoi_gmfn) X(physdev_irq_status_query) X(physdev_set_iopl) \
    X(physdev_set_iobitmap) X(physdev_apic) X(physdev_irq) X(physdev_map_pirq) \
    X(physdev_unmap_pirq) X(physdev_manage_pci) X(physdev_restore_msi) \
    X(physdev_manage_pci_ext) X(physdev_setup_gsi) X(physdev_get_free_pirq) \
    X(physdev_pci_mmcfg_reserved) X(physdev_pci_device_add) X(physdev_pci_device) \
    X(xen_hvm_param) X(xen_hvm_get_time) X(xen_hvm_get_mem_type) X(xen_hvm_evtchn_upcall_vector) \
    X(xen_dm_op_buf)

#endif
