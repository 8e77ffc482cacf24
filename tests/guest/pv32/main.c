/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A 32-bit guest, made by hand as a toolstack would: payload/ is its kernel, which checks traps,
 * hypercalls, page tables, segments, events and its user mode from the inside, and leaves what it
 * found in a mailbox. Others end badly on purpose.
 */
#include "domu.h"

#include <xen/foreign/x86_32.h>

#include "payload/mailbox.h"

const char *test_name = "pv32";

#define RING1_CS 0xe019
#define RING1_DS 0xe021

__asm__(".section .rodata\n.globl payload, payload_end\npayload: .incbin \"" PAYLOAD "\"\n"
        "payload_end:\n.previous");
extern const char payload[], payload_end[];

/* By pfn: the image, then these; the rest is free. */
enum { HYPERCALLS = 900, L3, TOP, L2, L1, L1_2, P2M };

static struct domu d;
static char window[PAGE] __attribute__((aligned(PAGE)));
static struct vcpu_guest_context_x86_32 context;

static void *page_of(unsigned int pfn)
{
    if (domu_set_va(&d, window, d.mfn[pfn] * PAGE | PTE_RW_KERNEL))
        CHECK_EQ(0, 1, "map a page of the guest");
    return window;
}

static long address_size(uint32_t size)
{
    struct xen_domctl op = { .u.address_size.size = size };

    return domctl(XEN_DOMCTL_set_address_size, d.id, &op);
}

static long make_domain(void)
{
    struct xen_domctl op = { 0 };
    long rc;

    op.u.createdomain = (struct xen_domctl_createdomain){
        .max_vcpus = 2, .max_evtchn_port = 1023, .max_grant_frames = 4, .max_maptrack_frames = 4,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
    };
    rc = domctl(XEN_DOMCTL_createdomain, 0, &op);
    if (rc)
        return rc;
    memset(&d, 0, sizeof(d));
    d.id = op.domain;
    d.nr_pages = PAGES32;
    op.u.max_vcpus.max = 2;
    rc = domctl(XEN_DOMCTL_max_vcpus, d.id, &op);
    op.u.max_mem.max_memkb = PAGES32 * 4;
    return rc ?: domctl(XEN_DOMCTL_max_mem, d.id, &op);
}

static long get_memory(void)
{
    struct xen_memory_reservation r = { .nr_extents = PAGES32, .domid = d.id };
    long rc;

    for (unsigned int i = 0; i < PAGES32; i++)
        d.mfn[i] = i;
    set_xen_guest_handle(r.extent_start, d.mfn);
    rc = hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r);
    return rc == PAGES32 ? 0 : -XENOMEM;
}

static void write_image(uint32_t run)
{
    const unsigned long size = (unsigned long)(payload_end - payload);
    struct xen_domctl_getdomaininfo info;
    struct mailbox *box;

    domu_info(&d, &info);
    for (unsigned long at = 0; at < size; at += PAGE)
        memcpy(page_of((unsigned int)(at / PAGE)), payload + at, PAGE);
    box = page_of(0);
    box->run = run;
    box->shared_mfn = (uint32_t)info.shared_info_frame;
    box->hypercall_pfn = HYPERCALLS;
    box->l3_pfn = L3;
    box->top_pfn = TOP;
    box->l2_pfn = L2;
    box->l1_pfn = L1;
    box->p2m_pfn = P2M;
    box->image_pages = (uint32_t)(size / PAGE);
}

/* The guest's own idea of its tables: an L3 with the kernel's L2 last, and one more L2. */
static void write_tables(void)
{
    uint64_t *e;

    for (unsigned int i = L3; i <= P2M; i++)
        memset(page_of(i), 0, PAGE);
    e = page_of(L3);
    e[3] = d.mfn[TOP] * PAGE | PTE_P;
    e = page_of(TOP);
    e[0] = d.mfn[L1] * PAGE | PTE_P | PTE_W | PTE_U;
    e[1] = d.mfn[L1_2] * PAGE | PTE_P | PTE_W | PTE_U;
    for (unsigned int i = 0; i < PAGES32; i++) {
        if (i % 512 == 0)
            e = page_of(L1 + i / 512);
        e[i % 512] = d.mfn[i] * PAGE | (i >= L3 && i <= L1_2 ? PTE_RO_KERNEL : PTE_RW_KERNEL);
    }
    for (unsigned int i = 0; i < PAGES32; i++)
        ((uint32_t *)page_of(P2M))[i] = (uint32_t)d.mfn[i];
}

static long set_context(void)
{
    struct xen_domctl op = { 0 };
    const uint32_t l3 = (uint32_t)d.mfn[L3];

    memset(&context, 0, sizeof(context));
    context.flags = VGCF_in_kernel | VGCF_online;
    context.user_regs.eip = ((const struct mailbox *)payload)->entry;
    context.user_regs.cs = RING1_CS;
    context.user_regs.ds = context.user_regs.es = context.user_regs.ss = RING1_DS;
    context.ctrlreg[3] = l3 << 12 | l3 >> 20;
    op.u.vcpucontext.ctxt.p = (void *)&context;
    return domctl(XEN_DOMCTL_setvcpucontext, d.id, &op);
}

static long pin(unsigned int cmd, unsigned int pfn)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = d.mfn[pfn] };

    return hypercall(__HYPERVISOR_mmuext_op, &op, 1, 0, d.id);
}

static bool start(uint32_t run)
{
    long rc = make_domain();

    rc = rc ?: address_size(32);
    rc = rc ?: get_memory();
    if (rc) {
        CHECK_EQ(rc, 0, "make a 32-bit domain");
        return false;
    }
    write_image(run);
    write_tables();
    rc = pin(MMUEXT_PIN_L3_TABLE, L3);
    CHECK_EQ(rc, 0, "pin its L3");
    rc = rc ?: set_context();
    domu_unmap(window);
    rc = rc ?: domu_unpause(&d);
    CHECK_EQ(rc, 0, "start it");
    return rc == 0;
}

static void print_notes(void)
{
    static struct mailbox box;
    static char copy[sizeof(box) + PAGE];
    static char what[NOTES32][WHAT32];

    for (unsigned int i = 0; i < (sizeof(box) + PAGE - 1) / PAGE; i++) {
        const unsigned long left = sizeof(copy) - i * PAGE;

        memcpy(copy + i * PAGE, page_of(i), left < PAGE ? left : PAGE);
    }
    domu_unmap(window);
    memcpy(&box, copy, sizeof(box));
    CHECK(box.nr_notes > 0 && box.nr_notes < NOTES32, "it has left its checks");
    for (unsigned int i = 0; i < box.nr_notes && i < NOTES32; i++) {
        memcpy(what[i], box.note[i].what, WHAT32);
        check_(box.note[i].ok, what[i], "payload", 0, (int32_t)box.note[i].got,
               (int32_t)box.note[i].want);
    }
}

static void finish(int reason)
{
    CHECK_EQ(domu_wait(&d, 10000), reason, "it ends as it should");
    print_notes();
    CHECK_EQ(domu_destroy(&d), 0, "destroy it");
    CHECK(domu_gone(&d, 5000), "... and nothing of it is left");
}

static void size_tests(void)
{
    struct xen_domctl op = { 0 };

    CHECK_EQ(address_size(16), -XEINVAL, "there are no 16-bit guests");
    CHECK_EQ(get_memory(), 0, "give a domain memory");
    CHECK_EQ(address_size(32), -XEACCES, "then it is too late to make it a 32-bit one");
    CHECK_EQ(domctl(XEN_DOMCTL_get_address_size, d.id, &op), 0, "its address size");
    CHECK_EQ(op.u.address_size.size, 64, "... is 64");
    CHECK_EQ(domu_destroy(&d), 0, "destroy it");
}

/* As a tool that saves such a guest finds the frames of its M2P, and reads it; no more. */
static void m2p_tests(void)
{
    static const struct domu xen = { .id = DOMID_XEN };
    static uint64_t extent[128];
    struct xen_machphys_mfn_list list = { .max_extents = 128 };
    const uint64_t mfn = d.mfn[P2M];
    uint64_t frame;

    set_xen_guest_handle(list.extent_start, extent);
    CHECK_EQ(hypercall(__HYPERVISOR_memory_op, XENMEM_machphys_compat_mfn_list, &list), 0,
             "the frames of its M2P");
    CHECK(mfn >> 19 < list.nr_extents && list.nr_extents < 128, "... tell of all memory");
    frame = (extent[mfn >> 19] + (mfn >> 10) % 512) * PAGE;
    CHECK_EQ(domu_set_va(&xen, window, frame | PTE_RO_KERNEL), 0, "... and can be mapped");
    CHECK_EQ(((volatile uint32_t *)window)[mfn % 1024], P2M, "... to read where a frame is");
    CHECK(domu_set_va(&xen, window, frame | PTE_RW_KERNEL) < 0, "... not to write");
    CHECK(domu_set_va(&d, window, frame | PTE_RO_KERNEL) < 0, "... and not as the guest's");
    domu_unmap(window);
}

/* The last x87 instruction and operand, with their selectors, as its own FXSAVE has them. */
static void x87_tests(void)
{
    const struct mailbox *box = page_of(0);
    uint32_t x87[4];

    memcpy(x87, (const char *)context.fpu_ctxt.x + 8, sizeof(x87));
    CHECK_EQ(x87[0], box->x87[0], "... and its last x87 instruction");
    CHECK_EQ(x87[1], box->x87[1], "... with the selector");
    CHECK_EQ(x87[2], box->x87[2], "... and operand");
    CHECK_EQ(x87[3], box->x87[3], "... with its");
    if (box->x87[1] == 0)
        skip("this processor does not save selectors");
    else
        CHECK_EQ(x87[1], RING1_CS, "... that of a kernel in ring 1");
    domu_unmap(window);
}

/* Its vcpu's state, while it spins. */
static void context_tests(void)
{
    struct xen_domctl op = { 0 };

    if (!start(RUN_SPIN))
        return;
    domu_wait(&d, 300);
    CHECK_EQ(domu_pause(&d), 0, "stop one that spins");
    CHECK_EQ(domctl(XEN_DOMCTL_get_address_size, d.id, &op), 0, "its address size");
    CHECK_EQ(op.u.address_size.size, 32, "... is 32");
    m2p_tests();
    memset(&context, 0x55, sizeof(context));
    memset(&op, 0, sizeof(op));
    op.u.vcpucontext.ctxt.p = (void *)&context;
    CHECK_EQ(domctl(XEN_DOMCTL_getvcpucontext, d.id, &op), 0, "its context");
    CHECK_EQ(context.user_regs.cs, RING1_CS, "... is that of a kernel in ring 1");
    CHECK_EQ(context.ctrlreg[3], d.mfn[L3] << 12, "... with its L3");
    CHECK_EQ(context.trap_ctxt[6].cs, RING1_CS, "... and its trap table");
    x87_tests();
    CHECK_EQ(pin(MMUEXT_UNPIN_TABLE, L3), 0, "unpin its L3, which is in use");
    CHECK_EQ(pin(MMUEXT_PIN_L2_TABLE, TOP), -XEINVAL, "what is behind slot 3 is no plain L2");
    CHECK_EQ(domu_destroy(&d), 0, "destroy it");
    CHECK(domu_gone(&d, 5000), "... and nothing of it is left");
}

void test_main(void)
{
    long rc = make_domain();

    CHECK_EQ(rc, 0, "create a domain");
    if (rc)
        return;
    rc = address_size(32);
    CHECK_EQ(domu_destroy(&d), 0, "destroy it");
    if (rc && !on_granta()) {
        skip("this hypervisor is built without 32-bit PV guests");
        return;
    }
    CHECK_EQ(rc, 0, "it can be a 32-bit one");
    if (make_domain() == 0)
        size_tests();
    if (start(RUN_ALL))
        finish(SHUTDOWN_poweroff);
    if (start(RUN_BAD_HANDLER))
        finish(SHUTDOWN_crash);
    if (start(RUN_BAD_STACK))
        finish(SHUTDOWN_crash);
    context_tests();
}
