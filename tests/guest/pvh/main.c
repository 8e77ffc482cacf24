/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PVH guest, made by hand as a toolstack would: payload/ is its kernel, which checks the
 * processor, the local APIC, memory calls and events from the inside, and leaves what it found in a
 * mailbox. Others end in each of the ways that there are.
 */
#include "domu.h"

#include <xen/hvm/save.h>

#include "payload/mailbox.h"

const char *test_name = "pvh";

#define CDF (XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap)
#define POOL_BYTES (1UL << 20)

__asm__(".section .rodata\n.globl payload, payload_end\npayload: .incbin \"" PAYLOAD "\"\n"
        "payload_end:\n.previous");
extern const char payload[], payload_end[];

static struct domu d;
static char window[PAGE] __attribute__((aligned(PAGE)));

/* By guest frame: mfn[] of struct domu has those. */
static void *page_of(unsigned int gfn)
{
    if (domu_set_va(&d, window, gfn * PAGE | PTE_RW_KERNEL))
        CHECK_EQ(0, 1, "map a page of the guest");
    return window;
}

/* --- making it -------------------------------------------------------------------------------- */

static long make_domain(uint32_t flags, uint32_t emulation)
{
    struct xen_domctl op = { 0 };
    long rc;

    op.u.createdomain = (struct xen_domctl_createdomain){
        .flags = flags, .max_vcpus = 2, .max_evtchn_port = 1023, .max_grant_frames = 4,
        .max_maptrack_frames = 4, .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = emulation,
    };
    rc = domctl(XEN_DOMCTL_createdomain, 0, &op);
    if (rc)
        return rc;
    memset(&d, 0, sizeof(d));
    d.id = op.domain;
    d.nr_pages = PVH_PAGES;
    return 0;
}

static long give_means(void)
{
    struct xen_domctl op = { 0 };
    long rc;

    op.u.max_vcpus.max = 2;
    rc = domctl(XEN_DOMCTL_max_vcpus, d.id, &op);
    op.u.paging_mempool.size = POOL_BYTES;
    rc = rc ?: domctl(XEN_DOMCTL_set_paging_mempool_size, d.id, &op);
    op.u.max_mem.max_memkb = PVH_PAGES * 4;
    return rc ?: domctl(XEN_DOMCTL_max_mem, d.id, &op);
}

static long get_memory(void)
{
    struct xen_memory_reservation r = { .nr_extents = PVH_PAGES, .domid = d.id };
    long rc;

    for (unsigned int i = 0; i < PVH_PAGES; i++)
        d.mfn[i] = i;
    set_xen_guest_handle(r.extent_start, d.mfn);
    rc = hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r);
    return rc == PVH_PAGES ? 0 : -XENOMEM;
}

static void write_image(uint32_t run)
{
    const unsigned long size = (unsigned long)(payload_end - payload);
    struct mailbox *box;

    for (unsigned long at = 0; at < size; at += PAGE)
        memcpy(page_of((unsigned int)(at / PAGE)), payload + at, PAGE);
    box = page_of(0);
    box->run = run;
    box->stock = !on_granta();
    domu_unmap(window);
}

/* public arch-x86/hvm/start_info.h: 32-bit flat protected mode, paging off. */
static long set_context(uint32_t entry)
{
    static struct {
        struct hvm_save_descriptor header_d;
        HVM_SAVE_TYPE(HEADER) header;
        struct hvm_save_descriptor cpu_d;
        HVM_SAVE_TYPE(CPU) cpu;
        struct hvm_save_descriptor end_d;
        HVM_SAVE_TYPE(END) end;
    } __attribute__((packed)) c;
    struct xen_domctl op = { 0 };
    long rc;

    memset(&c, 0, sizeof(c));
    c.header_d = (struct hvm_save_descriptor){ HVM_SAVE_CODE(HEADER), 0, sizeof(c.header) };
    c.header = (HVM_SAVE_TYPE(HEADER)){ .magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION };
    c.cpu_d = (struct hvm_save_descriptor){ HVM_SAVE_CODE(CPU), 0, sizeof(c.cpu) };
    c.end_d = (struct hvm_save_descriptor){ HVM_SAVE_CODE(END), 0, HVM_SAVE_LENGTH(END) };
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
    op.u.hvmcontext.size = (uint32_t)(sizeof(c) - sizeof(c.end) + HVM_SAVE_LENGTH(END));
    set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)&c);
    rc = domctl(XEN_DOMCTL_sethvmcontext, d.id, &op);
    return rc;
}

static bool start(uint32_t run)
{
    long rc = make_domain(CDF, XEN_X86_EMU_LAPIC);

    if (rc == 0)
        rc = give_means() ?: get_memory();
    if (rc) {
        CHECK_EQ(rc, 0, "make a PVH domain");
        return false;
    }
    write_image(run);
    rc = set_context((uint32_t)((const struct mailbox *)payload)->entry);
    rc = rc ?: domu_unpause(&d);
    CHECK_EQ(rc, 0, "start it");
    return rc == 0;
}

/* --- what it found ---------------------------------------------------------------------------- */

static void report(void)
{
    static struct mailbox box;

    for (unsigned int i = 0; i * PAGE < sizeof(box); i++) {
        const size_t n = sizeof(box) - i * PAGE < PAGE ? sizeof(box) - i * PAGE : PAGE;

        memcpy((char *)&box + i * PAGE, page_of(i), n);
    }
    domu_unmap(window);
    for (unsigned int i = 0; i < box.nr_notes && i < PVH_NOTES; i++)
        check_(box.note[i].ok, box.note[i].what, "pvh/payload", 0, box.note[i].got,
               box.note[i].want);
    CHECK(box.nr_notes < PVH_NOTES, "there was room for all its checks");
}

static void finish(int want, const char *what)
{
    CHECK_EQ(domu_wait(&d, 20000), want, what);
    CHECK_EQ(domu_destroy(&d), 0, "destroy it");
    CHECK(domu_gone(&d, 5000), "... and nothing of it is left");
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_arguments(void)
{
    CHECK_EQ(make_domain(XEN_DOMCTL_CDF_hap, 0), -XEINVAL, "no second stage for PV");
    CHECK(make_domain(CDF, 0x80000000) < 0, "no device that does not exist");
    CHECK(make_domain(CDF, 0) < 0, "not without a local APIC");
}

/* --- and go ----------------------------------------------------------------------------------- */

#define LIVES 30

static uint64_t free_pages(void)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION };

    if (hypercall(__HYPERVISOR_sysctl, &op))
        return 0;
    return op.u.physinfo.free_pages;
}

/* Empty, with memory, with a context, started, and running while it is destroyed. */
static bool live(unsigned int stage)
{
    long rc = make_domain(CDF, XEN_X86_EMU_LAPIC);

    if (rc == 0 && stage >= 1)
        rc = give_means();
    if (rc == 0 && stage >= 2)
        rc = get_memory();
    if (rc == 0 && stage >= 3) {
        write_image(RUN_SPIN);
        rc = set_context((uint32_t)((const struct mailbox *)payload)->entry);
    }
    if (rc == 0 && stage >= 4)
        rc = domu_unpause(&d);
    if (rc == 0 && stage >= 5)
        YIELD_UNTIL(((struct mailbox *)page_of(0))->alive > 100, 5000);
    domu_unmap(window);
    return rc == 0 && domu_destroy(&d) == 0 && domu_gone(&d, 5000);
}

static void test_lives(void)
{
    const unsigned int lives = on_granta() ? LIVES : 6; /* a second each takes too long */
    unsigned int ok = 0, exact = 0;
    uint64_t before;

    for (unsigned int stage = 0; stage < 6; stage++)
        live(stage); /* what the first of them leaves for the next is not a leak */
    before = free_pages();
    CHECK(before > 0, "free pages");
    for (unsigned int i = 0; i < lives; i++) {
        ok += live(i % 6);
        if (on_granta()) /* stock Xen keeps pages for later */
            exact += YIELD_UNTIL(free_pages() == before, 1000);
    }
    CHECK_EQ(ok, lives, "domains come and go at every stage of their making");
    if (on_granta())
        CHECK_EQ(exact, LIVES, "... and each gives all its pages back");
}

void test_main(void)
{
    if (make_domain(CDF, XEN_X86_EMU_LAPIC)) {
        skip("this machine runs no HVM guests");
        return;
    }
    CHECK_EQ(domu_destroy(&d), 0, "destroy an empty domain");
    test_arguments();
    if (start(RUN_ALL)) {
        const int reason = domu_wait(&d, 20000);

        report();
        if (reason < 0)
            CHECK(false, "the guest comes to an end");
        finish(SHUTDOWN_poweroff, "... an orderly one");
    }
    if (start(RUN_HOSTILE)) {
        const int reason = domu_wait(&d, 40000);

        report();
        CHECK(reason >= 0, "a hostile guest comes to an end");
        /* stock Xen crashes a guest for what it does with its LAPIC */
        finish(on_granta() ? SHUTDOWN_poweroff : reason, "... an orderly one");
    }
    test_lives();
    if (start(RUN_TRIPLE_FAULT))
        finish(SHUTDOWN_reboot, "a triple fault reboots");
    if (start(RUN_HALT))
        finish(SHUTDOWN_poweroff, "a guest whose last processor halts for good is off");
    if (start(RUN_SPIN)) {
        YIELD_UNTIL(((struct mailbox *)page_of(0))->alive > 1000, 5000);
        CHECK(((struct mailbox *)page_of(0))->alive > 1000,
              "a guest that never leaves by itself runs");
        CHECK_EQ(domu_destroy(&d), 0, "... and is destroyed");
        domu_unmap(window);
        CHECK(domu_gone(&d, 5000), "... with nothing left");
    }
}
