/* SPDX-License-Identifier: GPL-2.0-only */
/* Making PVH and HVM guests: pvh.h. */
#include "pvh.h"

#include "../pvh/payload/mailbox.h"

#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/hvm/save.h>

#define POOL_BYTES (1UL << 20)

unsigned int pvh_vcpus = 2;
uint32_t pvh_flags;
uint64_t pvh_viridian;
bool pvh_five_levels;
uint32_t pvh_tsc_khz;

static char window[PAGE] __attribute__((aligned(PAGE)));

void *pvh_page(const struct domu *d, unsigned int gfn)
{
    if (domu_set_va(d, window, gfn * PAGE | PTE_RW_KERNEL))
        CHECK_EQ(0, 1, "map a page of the guest");
    return window;
}

void pvh_close_page(void) { domu_unmap(window); }

void pvh_read(const struct domu *d, void *to, unsigned long size)
{
    for (unsigned long at = 0; at < size; at += PAGE) {
        const unsigned long n = size - at < PAGE ? size - at : PAGE;

        memcpy((char *)to + at, pvh_page(d, (unsigned int)(at / PAGE)), n);
    }
    pvh_close_page();
}

long pvh_make(struct domu *d, uint32_t flags, uint32_t emulation)
{
    struct xen_domctl op = { 0 };
    long rc;

    op.u.createdomain = (struct xen_domctl_createdomain){
        .flags = flags | pvh_flags, .max_vcpus = pvh_vcpus, .max_evtchn_port = 1023,
        .max_grant_frames = 4, .max_maptrack_frames = 4,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = emulation,
    };
    rc = domctl(XEN_DOMCTL_createdomain, 0, &op);
    if (rc)
        return rc;
    memset(d, 0, sizeof(*d));
    d->id = op.domain;
    return 0;
}

long pvh_give_means(struct domu *d, unsigned int pages)
{
    struct xen_domctl op = { 0 };
    long rc;

    d->nr_pages = pages;
    op.u.max_vcpus.max = pvh_vcpus;
    rc = domctl(XEN_DOMCTL_max_vcpus, d->id, &op);
    op.u.paging_mempool.size = POOL_BYTES;
    rc = rc ?: domctl(XEN_DOMCTL_set_paging_mempool_size, d->id, &op);
    op.u.max_mem.max_memkb = pages * 4UL;
    return rc ?: domctl(XEN_DOMCTL_max_mem, d->id, &op);
}

/* Memory from the first to before the last frame. */
static long populate(struct domu *d, unsigned int first, unsigned int last)
{
    struct xen_memory_reservation r = { .nr_extents = last - first, .domid = d->id };
    long rc;

    for (unsigned int i = first; i < last; i++)
        d->mfn[i] = i;
    set_xen_guest_handle(r.extent_start, d->mfn + first);
    rc = hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r);
    return rc == last - first ? 0 : -XENOMEM;
}

long pvh_get_memory(struct domu *d) { return populate(d, 0, d->nr_pages); }

void pvh_write(const struct domu *d, const char *image, unsigned long size)
{
    for (unsigned long at = 0; at < size; at += PAGE)
        memcpy(pvh_page(d, (unsigned int)(at / PAGE)), image + at, PAGE);
    pvh_close_page();
}

static struct {
    struct hvm_save_descriptor header_d;
    HVM_SAVE_TYPE(HEADER) header;
    struct hvm_save_descriptor cpu_d;
    HVM_SAVE_TYPE(CPU) cpu;
    struct hvm_save_descriptor end_d;
    HVM_SAVE_TYPE(END) end;
} __attribute__((packed)) c;

static long load_context(const struct domu *d)
{
    struct xen_domctl op = { 0 };

    c.header_d = (struct hvm_save_descriptor){ HVM_SAVE_CODE(HEADER), 0, sizeof(c.header) };
    c.header = (HVM_SAVE_TYPE(HEADER)){ .magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION };
    c.cpu_d = (struct hvm_save_descriptor){ HVM_SAVE_CODE(CPU), 0, sizeof(c.cpu) };
    c.end_d = (struct hvm_save_descriptor){ HVM_SAVE_CODE(END), 0, HVM_SAVE_LENGTH(END) };
    op.u.hvmcontext.size = (uint32_t)(sizeof(c) - sizeof(c.end) + HVM_SAVE_LENGTH(END));
    set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)&c);
    return domctl(XEN_DOMCTL_sethvmcontext, d->id, &op);
}

/* public arch-x86/hvm/start_info.h: 32-bit flat protected mode, paging off. */
long pvh_set_context(const struct domu *d, uint32_t entry)
{
    memset(&c, 0, sizeof(c));
    c.cpu.cs_limit = c.cpu.ds_limit = c.cpu.es_limit = c.cpu.ss_limit = 0xffffffff;
    c.cpu.cs_arbytes = 0xc9b;
    c.cpu.ds_arbytes = c.cpu.es_arbytes = c.cpu.ss_arbytes = 0xc93;
    c.cpu.tr_limit = 0x67;
    c.cpu.tr_arbytes = 0x8b;
    c.cpu.cr0 = 0x11; /* PE, ET */
    c.cpu.rip = entry;
    c.cpu.rflags = 2;
    c.cpu.dr6 = 0xffff0ff0;
    c.cpu.dr7 = 0x400;
    return load_context(d);
}

long pvh_set_real_context(const struct domu *d, uint16_t entry)
{
    memset(&c, 0, sizeof(c));
    c.cpu.cs_limit = c.cpu.ds_limit = c.cpu.es_limit = c.cpu.ss_limit = 0xffff;
    c.cpu.fs_limit = c.cpu.gs_limit = c.cpu.ldtr_limit = c.cpu.tr_limit = 0xffff;
    c.cpu.idtr_limit = c.cpu.gdtr_limit = 0xffff;
    c.cpu.cs_arbytes = 0x9b;
    c.cpu.ds_arbytes = c.cpu.es_arbytes = c.cpu.ss_arbytes = 0x93;
    c.cpu.fs_arbytes = c.cpu.gs_arbytes = 0x93;
    c.cpu.tr_arbytes = 0x8b;
    c.cpu.ldtr_arbytes = 0x82;
    c.cpu.cr0 = 0x10; /* ET */
    c.cpu.rip = entry;
    c.cpu.rflags = 2;
    c.cpu.dr6 = 0xffff0ff0;
    c.cpu.dr7 = 0x400;
    return load_context(d);
}

void pvh_write_payload(const struct domu *d, const char *image, unsigned long size, uint32_t run)
{
    struct mailbox *box;

    pvh_write(d, image, size);
    box = pvh_page(d, 0);
    box->run = run;
    box->stock = !on_granta();
    box->bochs = has_word((const char *)start_info->cmd_line, "bochs");
    box->vcpus = pvh_vcpus;
    box->five_levels = pvh_five_levels;
    pvh_close_page();
}

#define LEAVES 256
#define MSRS 16
#define LA57 (1U << 16)

/* Leaf 7 of its policy; NULL: it has none. */
static xen_cpuid_leaf_t *leaf_7(const struct domu *d)
{
    static xen_cpuid_leaf_t leaf[LEAVES];
    static xen_msr_entry_t msr[MSRS];
    struct xen_domctl op = { 0 };

    op.u.cpu_policy.nr_leaves = LEAVES;
    op.u.cpu_policy.nr_msrs = MSRS;
    set_xen_guest_handle(op.u.cpu_policy.leaves, leaf);
    set_xen_guest_handle(op.u.cpu_policy.msrs, msr);
    if (domctl(XEN_DOMCTL_get_cpu_policy, d->id, &op))
        return NULL;
    for (unsigned int i = 0; i < op.u.cpu_policy.nr_leaves; i++)
        if (leaf[i].leaf == 7 && leaf[i].subleaf == 0)
            return &leaf[i];
    return NULL;
}

static long give_la57(const struct domu *d)
{
    xen_cpuid_leaf_t *leaf = leaf_7(d);
    struct xen_domctl op = { 0 };
    long rc;

    if (!leaf)
        return -XENODEV;
    leaf->c |= LA57;
    op.u.cpu_policy.nr_leaves = 1;
    set_xen_guest_handle(op.u.cpu_policy.leaves, leaf);
    rc = domctl(XEN_DOMCTL_set_cpu_policy, d->id, &op);
    leaf = leaf_7(d);
    return rc ?: leaf && (leaf->c & LA57) ? 0 : -XENODEV;
}

static long set_param(const struct domu *d, uint32_t index, uint64_t value)
{
    struct xen_hvm_param p = { .domid = d->id, .index = index, .value = value };

    return hypercall(__HYPERVISOR_hvm_op, HVMOP_set_param, &p);
}

#define TSC_ALWAYS_EMULATE 1

static long emulate_tsc(const struct domu *d)
{
    struct xen_domctl op = { 0 };
    const long rc = set_param(d, HVM_PARAM_TIMER_MODE, HVMPTM_delay_for_missed_ticks);

    op.u.tsc_info = (struct xen_domctl_tsc_info){ .tsc_mode = TSC_ALWAYS_EMULATE,
                                                  .gtsc_khz = pvh_tsc_khz, .incarnation = 3 };
    return rc ?: domctl(XEN_DOMCTL_settscinfo, d->id, &op);
}

long pvh_start(struct domu *d, const char *image, unsigned long size, uint32_t run)
{
    long rc = pvh_make(d, PVH_FLAGS, XEN_X86_EMU_LAPIC);

    if (rc)
        return rc;
    rc = pvh_give_means(d, PVH_PAGES) ?: pvh_get_memory(d);
    if (rc == 0 && pvh_five_levels)
        rc = give_la57(d);
    if (rc == 0 && pvh_viridian)
        rc = set_param(d, HVM_PARAM_VIRIDIAN, pvh_viridian);
    if (rc == 0 && pvh_tsc_khz)
        rc = emulate_tsc(d);
    if (rc)
        return rc;
    pvh_write_payload(d, image, size, run);
    rc = pvh_set_context(d, (uint32_t)((const struct mailbox *)image)->entry);
    return rc ?: domu_unpause(d);
}

/* What a PC has between 640 KiB and 1 MiB is no memory. */
long hvm_prepare(struct domu *d, const char *image, unsigned long size, uint32_t run)
{
    long rc = pvh_make(d, PVH_FLAGS, HVM_EMULATION);

    if (rc)
        return rc;
    rc = pvh_give_means(d, PVH_PAGES) ?: populate(d, 0, 0xa0);
    rc = rc ?: populate(d, 0x100, d->nr_pages);
    rc = rc ?: set_param(d, HVM_PARAM_HPET_ENABLED, 1);
    if (rc)
        return rc;
    pvh_write_payload(d, image, size, run);
    return pvh_set_real_context(d, (uint16_t)((const struct mailbox *)image)->entry_real);
}

uint64_t free_pages(void)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION };

    return hypercall(__HYPERVISOR_sysctl, &op) ? 0 : op.u.physinfo.free_pages;
}

void pvh_report(const struct domu *d)
{
    static struct mailbox box;

    pvh_read(d, &box, sizeof(box));
    for (unsigned int i = 0; i < box.nr_notes && i < PVH_NOTES; i++)
        check_(box.note[i].ok, box.note[i].what, "pvh/payload", 0, box.note[i].got,
               box.note[i].want);
    CHECK(box.nr_notes < PVH_NOTES, "there was room for all its checks");
}
